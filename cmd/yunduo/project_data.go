package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"yunduo"
	"yunduo/api"
	"yunduo/internal/project"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

// dataTarget is where the collections, rules and indexes of a project go: a server, or the platform in this process.
type dataTarget interface {
	CreateCollection(ctx context.Context, name string) error
	SetRules(ctx context.Context, kind, collection, text string) error
	SetRoutes(ctx context.Context, routes json.RawMessage) error
	CreateIndex(ctx context.Context, collection string, index wire.Index) error
}

var _ dataTarget = (*client.Client)(nil)

// applyData makes the collections, rules and indexes that a project states. What exists beyond them stays. It goes on
// after what fails, and reports each thing with its outcome.
func applyData(ctx context.Context, p *project.Project, target dataTarget, report func(what string, err error)) {
	ensure := func(collection string) error {
		err := target.CreateCollection(ctx, collection)
		if yunduo.ReasonOf(err) == yunduo.ReasonCollectionExists {
			return nil
		}
		return err
	}
	for _, collection := range slices.Sorted(maps.Keys(p.Rules)) {
		err := ensure(collection)
		if err == nil {
			err = target.SetRules(ctx, "collection", collection, p.Rules[collection])
		}
		report("rules of "+collection, err)
	}
	for _, index := range p.Indexes {
		made := statedIndex(index)
		err := ensure(index.Collection)
		if err == nil {
			err = target.CreateIndex(ctx, index.Collection, made)
		}
		report(fmt.Sprintf("index %s of %s", made.Name, index.Collection), err)
	}
	if p.StorageRules != "" {
		report("storage rules", target.SetRules(ctx, "files", "", p.StorageRules))
	}
	if p.FunctionRules != "" {
		report("function rules", target.SetRules(ctx, "functions", "", p.FunctionRules))
	}
	if p.Routes != "" {
		report("routes", target.SetRoutes(ctx, json.RawMessage(p.Routes)))
	}
}

// stateData writes the collections' rules, the indexes and the rules of files and functions that a project states into a
// release.
func stateData(p *project.Project, release *wire.ReleaseRequest) {
	release.Rules = p.Rules
	for _, index := range p.Indexes {
		release.Indexes = append(release.Indexes, wire.ReleaseIndex{Collection: index.Collection, Index: statedIndex(index)})
	}
	if p.StorageRules != "" {
		release.FileRules = &p.StorageRules
	}
	if p.FunctionRules != "" {
		release.FunctionRules = &p.FunctionRules
	}
	if p.Routes != "" {
		release.Routes = json.RawMessage(p.Routes)
	}
}

// statedData names what stateData has written.
func statedData(release *wire.ReleaseRequest) (list []string) {
	for _, collection := range slices.Sorted(maps.Keys(release.Rules)) {
		list = append(list, "rules of "+collection)
	}
	for _, index := range release.Indexes {
		list = append(list, fmt.Sprintf("index %s of %s", index.Index.Name, index.Collection))
	}
	if release.FileRules != nil {
		list = append(list, "storage rules")
	}
	if release.FunctionRules != nil {
		list = append(list, "function rules")
	}
	if release.Routes != nil {
		list = append(list, "routes")
	}
	return list
}

func statedIndex(index project.Index) wire.Index {
	made := wire.Index{
		Name: index.Name, Unique: index.Unique, Sparse: index.Sparse, ExpireAfterSeconds: index.ExpireAfterSeconds,
		PartialFilter: json.RawMessage(index.PartialFilter), Collation: json.RawMessage(index.Collation),
	}
	names := []string{}
	for _, f := range index.Fields {
		made.Fields = append(made.Fields, wire.IndexField(f))
		names = append(names, f.Path)
	}
	if made.Name == "" {
		made.Name = strings.Join(slices.Compact(names), "_")
	}
	return made
}

// ownPlatform is the platform in this process as a dataTarget.
type ownPlatform struct {
	api *api.API
	app yunduo.AppID
}

func (o ownPlatform) do(ctx context.Context, operation string, request any) error {
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, err = o.api.Do(ctx, operation, &api.Call{App: o.app, Caller: yunduo.System(o.app), Request: text})
	return err
}

// CreateCollection implements dataTarget.
func (o ownPlatform) CreateCollection(ctx context.Context, name string) error {
	return o.do(ctx, "collections.create", wire.CollectionRequest{Collection: name})
}

// SetRules implements dataTarget.
func (o ownPlatform) SetRules(ctx context.Context, kind, collection, text string) error {
	if kind == "collection" {
		return o.do(ctx, "collections.setRules", wire.RulesRequest{Collection: collection, Rules: text})
	}
	return o.do(ctx, kind+".setRules", wire.AppRulesRequest{Rules: text})
}

// SetRoutes implements dataTarget.
func (o ownPlatform) SetRoutes(ctx context.Context, routes json.RawMessage) error {
	return o.do(ctx, "functions.setRoutes", wire.Routes{Routes: routes})
}

// CreateIndex implements dataTarget.
func (o ownPlatform) CreateIndex(ctx context.Context, collection string, index wire.Index) error {
	return o.do(ctx, "indexes.create", wire.CreateIndexRequest{Collection: collection, Index: index})
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
