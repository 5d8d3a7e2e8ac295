package language

// The limits of the language. Those of requests and storage are in data/documents.
const (
	MaxDepth         = 100        // levels of nested documents, of expressions and of filters
	MaxSortFields    = 32         // of a sort
	MaxStages        = 1000       // of a pipeline
	MaxNested        = 20         // pipelines within pipelines
	MaxPipelineBytes = 64 << 20   // bytes that one stage may keep in memory
	MaxValueBytes    = 16 << 20   // bytes of a document, a row or one computed value
	MaxSteps         = 20_000_000 // steps of one expression for one document
	MaxPadding       = 1_500_000  // nulls that an update may put before a new array element
	MaxDensified     = 500_000    // rows that $densify makes of one partition
	MaxSchemaBytes   = 64 << 10   // of a $jsonSchema
	MaxRegexBytes    = 32764      // of a regular expression's text
)

// Limit is a limit as the documentation shows it.
type Limit struct {
	What  string
	Value int64
	Unit  string
	Code  int // MongoDB's number of the error
}

// Limits returns the limits of the language.
func Limits() []Limit {
	return []Limit{
		{"nested documents, filters and expressions", MaxDepth, "levels", BadValue},
		{"fields of a sort", MaxSortFields, "fields", FailedToParse},
		{"stages of a pipeline", MaxStages, "stages", FailedToParse},
		{"pipelines within pipelines", MaxNested, "levels", FailedToParse},
		{"what one stage of a pipeline, or a sort, keeps in memory", MaxPipelineBytes, "bytes", MemoryLimitExceeded},
		{"a document, a row of a pipeline, a computed value", MaxValueBytes, "bytes", MemoryLimitExceeded},
		{"work of one expression for one document", MaxSteps, "steps", MemoryLimitExceeded},
		{"elements that an update may add before the one it sets", MaxPadding, "elements", BadValue},
		{"rows that $densify makes of one partition", MaxDensified, "rows", MemoryLimitExceeded},
		{"a $jsonSchema", MaxSchemaBytes, "bytes", FailedToParse},
		{"the text of a regular expression", MaxRegexBytes, "bytes", BadValue},
	}
}
