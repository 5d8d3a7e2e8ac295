package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/ejson"
	"yunduo/internal/project"
)

// applyData makes the collections, rules and indexes that the project states. What exists beyond them stays.
func (d *developer) applyData(ctx context.Context) {
	report := func(what string, err error) {
		if err != nil {
			d.say(texts.configProblem, what+": "+sentence(err))
		}
	}
	s := d.server.Rooms().Documents.AsApp(yunduo.System(d.app), d.app)
	ensure := func(collection string) error {
		err := s.CreateCollection(ctx, collection)
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionExists {
			return nil
		}
		return err
	}
	for collection, rules := range d.project.Rules {
		err := ensure(collection)
		if err == nil {
			err = s.SetRules(ctx, collection, rules)
		}
		report("rules of "+collection, err)
	}
	for _, index := range d.project.Indexes {
		err := ensure(index.Collection)
		var made driver.Index
		if err == nil {
			made, err = driverIndex(index)
		}
		if err == nil {
			err = s.CreateIndex(ctx, index.Collection, made)
		}
		report(fmt.Sprintf("index %s of %s", index.Name, index.Collection), err)
	}
	if d.project.StorageRules != "" {
		report("storage rules", d.server.Rooms().Storage.SetRules(ctx, yunduo.System(d.app), d.project.StorageRules))
	}
	if d.project.FunctionRules != "" {
		report("function rules", d.server.Rooms().Functions.SetRules(ctx, yunduo.System(d.app), d.app, d.project.FunctionRules))
	}
}

func driverIndex(index project.Index) (driver.Index, error) {
	made := driver.Index{Name: index.Name, Unique: index.Unique, Sparse: index.Sparse, ExpireAfter: time.Duration(index.ExpireAfterSeconds) * time.Second}
	for _, f := range index.Fields {
		made.Fields = append(made.Fields, driver.IndexField(f))
	}
	if made.Name == "" {
		names := []string{}
		for _, f := range made.Fields {
			names = append(names, f.Path)
		}
		made.Name = strings.Join(slices.Compact(names), "_")
	}
	if index.PartialFilter == "" {
		return made, nil
	}
	var err error
	if made.Partial, err = ejson.Parse([]byte(index.PartialFilter), ejson.Options{}); err != nil {
		return made, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "partialFilter: %s", yunduo.AsError(err).Message)
	}
	return made, nil
}

// readJSON decodes a file; one that is not there leaves value as it is.
func readJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
