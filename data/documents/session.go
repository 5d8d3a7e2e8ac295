package documents

import (
	"context"
	"math"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// ownerField is the field that says who created a document. The server writes it; end users never do.
const ownerField = "_openid"

// Session does what one caller asks on one app. It is safe for concurrent use; inside a transaction its operations
// run one after another.
type Session struct {
	db         *DB
	caller     yunduo.Caller
	app        yunduo.AppID
	operations driver.Operations
	tx         *transaction // nil outside of transactions
	refused    error        // what every operation returns, if not nil
	lookups    *lookups     // what rules looked up for this session
}

// App returns the app that the session works on.
func (s *Session) App() yunduo.AppID { return s.app }

// Caller returns who the session acts for.
func (s *Session) Caller() yunduo.Caller { return s.caller }

// owner returns what _openid says of the end user's documents.
func owner(c yunduo.Caller) string {
	if c.OpenID != "" {
		return c.OpenID
	}
	return c.UserID
}

// actor names the caller in the change log.
func actor(c yunduo.Caller) string {
	switch c.Role {
	case yunduo.RoleFunction:
		if c.UserID != "" { // whose call it serves
			return "function:" + c.Function + " for user:" + c.UserID
		}
		return "function:" + c.Function
	case yunduo.RoleUser, yunduo.RoleAnonymous:
		return "user:" + c.UserID
	}
	return string(c.Role)
}

func (s *Session) write() driver.WriteOptions { return driver.WriteOptions{Actor: actor(s.caller)} }

// namespace checks that the session may name the collection and returns its address.
func (s *Session) namespace(collection string) (driver.Namespace, error) {
	if s.refused != nil {
		return driver.Namespace{}, s.refused
	}
	if err := s.validName(collection); err != nil {
		return driver.Namespace{}, err
	}
	return driver.Namespace{App: s.app, Collection: collection}, nil
}

func (s *Session) validName(name string) error {
	n := utf8.RuneCountInString(name)
	if n < 1 || n > 64 || strings.IndexFunc(name, notInName) >= 0 {
		return yunduo.Errorf(yunduo.ReasonInvalidCollectionName,
			"collection: %q is not a name of 1 to 64 letters, digits, Chinese characters, '_', '-' and '.'", name)
	}
	if s.caller.Role != yunduo.RoleSystem && (name[0] == '_' || strings.HasPrefix(name, "system.")) {
		return yunduo.Errorf(yunduo.ReasonInvalidCollectionName, "collection: names that start with '_' or 'system.' are reserved, %q is one", name)
	}
	return nil
}

func notInName(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	case r == '_', r == '-', r == '.', '一' <= r && r <= '鿿':
		return false
	}
	return true
}

// exclusively runs one operation; inside a transaction no other one runs at the same time.
func (s *Session) exclusively(ctx context.Context, operation func(ctx context.Context, on driver.Operations) error) error {
	ctx = s.budgeted(ctx)
	if s.tx == nil {
		return operation(ctx, s.operations)
	}
	return s.tx.do(ctx, operation)
}

// budgeted limits what an operation of an end user or of the app's code may examine.
func (s *Session) budgeted(ctx context.Context) context.Context {
	limit := int64(0)
	switch {
	case driver.BudgetOf(ctx) != nil:
	case s.caller.EndUser():
		limit = s.db.options.UserExamines
	case s.caller.Role == yunduo.RoleFunction, s.caller.Role == yunduo.RoleTrigger:
		limit = s.db.options.FunctionExamines
	}
	plans := driver.PlansOf(ctx)
	if limit <= 0 {
		if plans == nil || driver.BudgetOf(ctx) != nil {
			return ctx
		}
		limit = math.MaxInt64 / 100
	}
	return driver.WithBudget(ctx, driver.NewBudget(limit).Noting(plans))
}

// Position returns the position of the app's last durable commit. Privileged callers only.
func (s *Session) Position(ctx context.Context) (driver.Position, error) {
	if err := s.privileged("read the change log"); err != nil {
		return driver.Position{}, err
	}
	return s.db.engine.Position(ctx, s.app)
}

// Changes follows the app's change log after a position. Privileged callers only; position_lost if the log no longer
// reaches back that far.
func (s *Session) Changes(ctx context.Context, after driver.Position) (driver.Feed, error) {
	if err := s.privileged("read the change log"); err != nil {
		return nil, err
	}
	return s.db.engine.Changes(ctx, s.app, after)
}

func (s *Session) privileged(what string) error {
	if s.refused != nil {
		return s.refused
	}
	if !s.caller.Privileged() {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "end users may not %s", what)
	}
	return nil
}

// Query says which documents to find, in which order and form. Nil and zero values mean: all, by _id, whole.
type Query struct {
	Filter     bson.Raw
	Sort       bson.Raw
	Projection bson.Raw
	Skip       int64
	Collation  bson.Raw // how texts compare; nil is by bytes
	Limit      int64    // 0 is DefaultLimit; more than MaxLimit is MaxLimit
	NoLimit    bool     // privileged callers only: stream all that match; Limit still holds if it is set
	// Hint names the index to use, by its name or by its fields as a document {path: 1 or -1}; "$natural" asks for none.
	Hint bson.RawValue
}

// CountQuery says which documents to count.
type CountQuery struct {
	Filter    bson.Raw
	Collation bson.Raw
	Hint      bson.RawValue // as in Query
}

// AggregateQuery is a pipeline and how to run it.
type AggregateQuery struct {
	Pipeline  []bson.Raw
	Collation bson.Raw
	Hint      bson.RawValue // as in Query, for the documents that the pipeline begins with; not with $geoNear
}

// Update says which documents to change and how.
type Update struct {
	Filter bson.Raw
	Change bson.Raw // update operators or a whole document
	// Pipeline is the change as a list of the stages $set, $unset and $replaceWith, in place of Change.
	Pipeline []bson.Raw
	// ArrayFilters are the conditions that $[name] parts of paths stand for.
	ArrayFilters []bson.Raw
	Sort         bson.Raw // which document is first, when not Multi
	Multi        bool
	Upsert       bool
	Return       driver.Returned
	Projection   bson.Raw // of the returned document
	Collation    bson.Raw
}

// Delete says which documents to remove.
type Delete struct {
	Filter     bson.Raw
	Sort       bson.Raw
	Multi      bool
	Return     driver.Returned // ReturnBefore asks for the removed document of a single delete
	Projection bson.Raw        // of the returned document
	Collation  bson.Raw
}
