// Package pipeline is the aggregation language: it parses a list of stages once and runs them as pull iterators over
// the documents of a Source.
package pipeline

import (
	"bytes"
	"maps"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

const (
	maxStages = language.MaxStages
	maxNested = language.MaxNested
)

// Pipeline is a parsed pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	raw         []bson.Raw
	stages      []stage
	collections []string
	by          *collation.Collation
	mixed       bool // what was prepended has another collation
	fallible    bool // a $match can fail
	unordered   bool // Raw does not keep a condition of the first stage away from what must not be seen
}

// stage is one parsed step of a pipeline.
type stage interface {
	// run returns the rows that the stage makes of in. It must not read yet: that is for the first next.
	run(env *environment, in iterator) (iterator, error)
}

// Parse checks and compiles stages. It returns unknown_operator for a stage or operator that does not exist,
// invalid_pipeline for one with wrong arguments, and invalid_filter for a wrong $match.
func Parse(stages []bson.Raw) (*Pipeline, error) { return ParseBy(nil, stages) }

// ParseBy is Parse for a pipeline that compares texts by a collation.
func ParseBy(by *collation.Collation, stages []bson.Raw) (*Pipeline, error) {
	p := &parser{table: stageTable(), foreign: map[string]bool{}, by: by}
	raw := make([]bson.Raw, len(stages))
	for i, s := range stages {
		if err := s.Validate(); err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidPipeline, "stage %d of the pipeline is not well-formed BSON", i)
		}
		raw[i] = bytes.Clone(s) // the caller may use the memory again
	}
	parsed, err := p.stages(raw)
	if err != nil {
		return nil, err
	}
	return &Pipeline{raw: raw, stages: parsed, collections: slices.Sorted(maps.Keys(p.foreign)), by: by, fallible: p.fallible}, nil
}

// Collections returns the names of the foreign collections that the pipeline reads, sorted, each once.
func (p *Pipeline) Collections() []string { return p.collections }

// Collation returns how the pipeline compares texts, and whether all its parts do so: Prepend may put a filter of
// another collation before it, of which an engine that knows only one for all must not make one.
func (p *Pipeline) Collation() (by *collation.Collation, uniform bool) { return p.by, !p.mixed }

// Unordered reports whether Raw would have a condition of the caller computed for documents that what was prepended
// excludes, see query.Filter.Unordered.
func (p *Pipeline) Unordered() bool { return p.unordered }

// Raw returns the stages as they were given to Parse, for engines that pass them on. They must not be changed.
func (p *Pipeline) Raw() []bson.Raw { return p.raw }

// Prepend returns a pipeline that only sees documents which match filter.
func (p *Pipeline) Prepend(filter *query.Filter) *Pipeline {
	if filter == nil {
		return p
	}
	other, uniform := filter.Collation()
	out := &Pipeline{collections: p.collections, by: p.by, mixed: p.mixed || !uniform || !collation.Same(other, p.by), fallible: p.fallible}
	if len(p.stages) > 0 {
		if near, ok := p.stages[0].(*geoNearStage); ok { // which must stay first
			narrowed := *near
			narrowed.filter = query.Narrow(near.filter, filter)
			out.unordered = narrowed.filter.Unordered()
			out.stages = append([]stage{&narrowed}, p.stages[1:]...)
			out.raw = p.behind(withQuery(p.raw[0], narrowed.filter), p.raw[1:])
			return out
		}
	}
	match := value.Append(value.BeginDocument(nil), "$match", value.Document(filter.Raw()))
	out.raw = p.behind(value.EndDocument(match, 0), p.raw)
	out.stages = append([]stage{&matchStage{filter: filter}}, p.stages...)
	return out
}

// behind returns the stages with one before them that says what they may see. A server joins a $match with others as it
// likes; where one can fail, a $limit that cuts nothing off is a wall that none of them passes.
func (p *Pipeline) behind(first bson.Raw, rest []bson.Raw) []bson.Raw {
	out := []bson.Raw{first}
	if p.fallible {
		wall := value.Append(value.BeginDocument(nil), "$limit", value.Int64Value(math.MaxInt64))
		out = append(out, value.EndDocument(wall, 0))
	}
	return append(out, rest...)
}

// withQuery returns a $geoNear stage with another filter as its query.
func withQuery(raw bson.Raw, filter *query.Filter) bson.Raw {
	arg, _ := value.Field(raw, "$geoNear")
	changed := setPath(arg.Value, []string{"query"}, value.Document(filter.Raw()))
	return value.EndDocument(value.Append(value.BeginDocument(nil), "$geoNear", value.Document(changed)), 0)
}

// parser turns raw stages into stages. It carries the table of stages so that the table may refer to it.
type parser struct {
	table    map[string]stageParser
	foreign  map[string]bool
	declared []string // let variables in sight
	by       *collation.Collation
	depth    int
	inFacet  bool
	fallible bool // a $match can fail
}

// scope is what expressions of the stage that is being parsed stand in.
func (p *parser) scope() expr.Scope { return expr.Scope{Declared: p.declared, Collation: p.by} }

type stageParser func(p *parser, name string, arg bson.RawValue) (stage, error)

func invalid(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidPipeline, format, args...)
}

func (p *parser) stages(raw []bson.Raw) ([]stage, error) {
	if p.depth++; p.depth > maxNested {
		return nil, invalid("pipelines are nested deeper than %d levels", maxNested)
	}
	defer func() { p.depth-- }()
	if len(raw) > maxStages {
		return nil, invalid("a pipeline has more than %d stages", maxStages)
	}
	out := make([]stage, 0, len(raw))
	for i, s := range raw {
		it := value.Elements(s)
		key, arg, ok := it.Next()
		if _, _, more := it.Next(); !ok || more {
			return nil, invalid("stage %d of the pipeline must have exactly one field, its operator", i)
		}
		name := string(key)
		parse, ok := p.table[name]
		if !ok {
			return nil, language.Unknown(language.Stage, name)
		}
		if name == "$geoNear" && (i > 0 || p.inFacet) {
			return nil, language.Errorf(language.FirstStageOnly, yunduo.ReasonInvalidPipeline, "$geoNear must be the first stage of a pipeline")
		}
		st, err := parse(p, name, arg)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

// nested parses an array of stages within a stage.
func (p *parser) nested(name string, arg bson.RawValue) ([]stage, error) {
	if arg.Type != bson.TypeArray {
		return nil, invalid("%s: a pipeline must be an array of stages, not %s", name, value.TypeName(arg.Type))
	}
	var raw []bson.Raw
	for _, v := range items(arg) {
		if v.Type != bson.TypeEmbeddedDocument {
			return nil, invalid("%s: a stage must be an object, not %s", name, value.TypeName(v.Type))
		}
		raw = append(raw, v.Value)
	}
	return p.stages(raw)
}

func stageTable() map[string]stageParser {
	return map[string]stageParser{
		"$match": parseMatch, "$limit": parseLimit, "$skip": parseSkip, "$sort": parseSort, "$count": parseCount,
		"$sample": parseSample, "$project": parseProject, "$addFields": parseAddFields, "$set": parseAddFields,
		"$unset": parseUnset, "$replaceRoot": parseReplaceRoot, "$replaceWith": parseReplaceRoot,
		"$unwind": parseUnwind, "$group": parseGroup, "$sortByCount": parseSortByCount, "$bucket": parseBucket,
		"$bucketAuto": parseBucketAuto, "$facet": parseFacet, "$lookup": parseLookup, "$graphLookup": parseGraphLookup,
		"$unionWith": parseUnionWith, "$geoNear": parseGeoNear, "$setWindowFields": parseWindow, "$redact": parseRedact, "$densify": parseDensify, "$fill": parseFill,
	}
}
