package pipeline

import (
	"bytes"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
)

// rowStage is a stage that makes one row of each, looking at nothing else.
type rowStage interface {
	stage
	row() rowFunc
}

// rowFunc makes a row of a row. The result is valid until the next call.
type rowFunc func(row bson.Raw, vars expr.Vars) (bson.Raw, error)

// updateStages are the stages that an update may be made of.
var updateStages = map[string]bool{
	"$set": true, "$addFields": true, "$unset": true, "$project": true, "$replaceWith": true, "$replaceRoot": true,
}

// rewriter is an update that is a pipeline.
type rewriter struct {
	raw    []bson.Raw
	stages []rowStage
}

var _ query.Rewriter = (*rewriter)(nil)

// ParseUpdate compiles an update that is a list of stages: $set ($addFields), $unset ($project) and $replaceWith
// ($replaceRoot). It returns invalid_update for other stages and invalid_pipeline or unknown_operator for wrong ones.
func ParseUpdate(stages []bson.Raw) (*query.Update, error) { return ParseUpdateBy(nil, stages) }

// ParseUpdateBy is ParseUpdate for an update that compares texts by a collation.
func ParseUpdateBy(by *collation.Collation, stages []bson.Raw) (*query.Update, error) {
	if len(stages) == 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidUpdate, "an update that is a list needs at least one stage")
	}
	for _, s := range stages {
		if elements, err := s.Elements(); err == nil && len(elements) == 1 && !updateStages[elements[0].Key()] {
			if err := language.Check(language.Stage, elements[0].Key()); err != nil {
				return nil, err
			}
			return nil, language.Errorf(language.InvalidOptions, yunduo.ReasonInvalidUpdate,
				"an update cannot have the stage %s; it has $set, $unset and $replaceWith", elements[0].Key())
		}
	}
	p, err := ParseBy(by, stages)
	if err != nil {
		return nil, err
	}
	r := &rewriter{raw: p.raw}
	for _, s := range p.stages {
		r.stages = append(r.stages, s.(rowStage))
	}
	return query.RewritingUpdate(by, r), nil
}

// Rewrite runs the stages on one document.
func (r *rewriter) Rewrite(doc bson.Raw, now time.Time) (bson.Raw, error) {
	for _, s := range r.stages {
		changed, err := s.row()(doc, expr.Vars{Now: now})
		if err != nil {
			return nil, err
		}
		doc = changed
	}
	return bytes.Clone(doc), nil
}

// Stages returns the pipeline as it was written.
func (r *rewriter) Stages() []bson.Raw { return r.raw }
