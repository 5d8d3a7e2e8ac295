package documents

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

const (
	defaultVersions = 20
	maxVersions     = 100
	// historyExamined is how many log entries one page of a history looks at: it bounds the time of a request on a long
	// log, whose next page goes on from there.
	historyExamined = 200_000
)

// HistoryQuery says which part of the change log to read.
type HistoryQuery struct {
	ID     bson.RawValue // one document; zero is the whole collection
	Before uint64        // offset: only earlier changes; 0 begins with the newest
	Limit  int           // 0 is 20, at most 100
}

// History is a page of what happened to a document or collection.
type History struct {
	Changes []driver.Change // the newest first
	// Next is the Before of the next page; 0 if there is none. A page may be empty and yet have a next one.
	Next uint64
	// Since is how far back the log reaches; the zero time if it is empty.
	Since time.Time
}

// History tells who changed a document, or any of a collection, when and how, as far back as the change log reaches.
// Only who manages the app may. Reasons: permission_denied, invalid_request, unsupported_call.
func (s *Session) History(ctx context.Context, collection string, q HistoryQuery) (History, error) {
	var page History
	ns, past, err := s.historian(collection)
	if err != nil {
		return page, err
	}
	if q.Limit < 0 || q.Limit > maxVersions {
		return page, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit: at most %d versions can be asked for, not %d", maxVersions, q.Limit)
	}
	if q.Limit == 0 {
		q.Limit = defaultVersions
	}
	if page.Since, err = past.LogStart(ctx, s.app); err != nil {
		return page, err
	}
	page.Changes = []driver.Change{}
	query := driver.LogQuery{Collection: ns.Collection, ID: q.ID, Before: q.Before, Newest: true, Examine: historyExamined}
	page.Next, err = past.ReadLog(ctx, s.app, query, func(c driver.Change) bool {
		page.Changes = append(page.Changes, c)
		return len(page.Changes) < q.Limit
	})
	return page, err
}

// historian checks that the session may look into a collection's past.
func (s *Session) historian(collection string) (driver.Namespace, driver.Historian, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return ns, nil, err
	}
	if err := s.manages("look into the past"); err != nil {
		return ns, nil, err
	}
	past, ok := s.db.engine.(driver.Historian)
	if !ok {
		return ns, nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the document engine of this server keeps no history")
	}
	return ns, past, nil
}

// manages checks that the caller administers the app, and that no transaction is involved.
func (s *Session) manages(what string) error {
	switch {
	case s.refused != nil:
		return s.refused
	case !s.caller.MayManage(s.app):
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app may %s", what)
	case s.tx != nil:
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "this is not possible inside a transaction")
	}
	return nil
}
