package functions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// LogQuery says which invocations to list.
type LogQuery struct {
	Function string // empty for all of the app
	Before   string // only those that began before the one of this ID
	After    string // only those that began after it
	Limit    int    // 50 by default, 500 at most
	// Since and Until bound when they began; zero is no bound.
	Since, Until time.Time
	LogFilter
}

// LogFilter says which invocations are of interest. The zero value wants all.
type LogFilter struct {
	Level  string // only those that printed a line of this level or a graver one: debug, info, warn, error. Failures are errors
	Failed bool   // only failures
	// Text wants only those that have it in a line, their message, reason, user, ID or request ID, in any case. One like
	// order.id:4711 also wants those with a line whose fields have that value there.
	Text string
}

// logLevels are the levels, the gravest last.
var logLevels = []string{"debug", "info", "warn", "error"}

// searchPage and searchMost are how many records are looked through at a time, and for one question.
const (
	searchPage = 500
	searchMost = 20_000
)

func (f *LogFilter) validate() error {
	if f.Level != "" && !slices.Contains(logLevels, f.Level) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "level: %q is not one of %s", f.Level, strings.Join(logLevels, ", "))
	}
	if len(f.Text) > 256 {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "search: the text has more than 256 bytes")
	}
	return nil
}

// Wants returns a function that tells which invocations pass; nil if all do. Reasons: invalid_request.
func (f LogFilter) Wants() (func(*Invocation) bool, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if f == (LogFilter{}) {
		return nil, nil
	}
	least, text := slices.Index(logLevels, f.Level), strings.ToLower(f.Text)
	field, byField := parseField(text)
	return func(i *Invocation) bool {
		switch {
		case f.Failed && i.Reason == "", least > 0 && i.gravest() < least:
			return false
		case text == "":
			return true
		}
		for _, l := range i.Lines {
			if strings.Contains(strings.ToLower(l.Message), text) || byField && field.in(l.Fields) {
				return true
			}
		}
		for _, own := range [...]string{i.Message, string(i.Reason), i.User, i.ID, i.RequestID} {
			if strings.Contains(strings.ToLower(own), text) {
				return true
			}
		}
		return false
	}, nil
}

// gravest returns the index of the gravest level of what an invocation printed.
func (i *Invocation) gravest() int {
	if i.Reason != "" {
		return len(logLevels) - 1
	}
	most := 0
	for _, l := range i.Lines {
		most = max(most, slices.Index(logLevels, l.Level))
	}
	return most
}

// Logs lists invocations, newest first. A successful one that printed nothing may be missing when there were many in
// the same second; Stats counts it all the same. more, if not empty, is where to go on with Before: the limit was reached, or
// many records were looked through. Errors: permission_denied, invalid_request.
func (s *Service) Logs(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, q LogQuery) (list []Invocation, more string, err error) {
	if err := manage(caller, app); err != nil {
		return nil, "", err
	}
	if q.Limit < 0 || q.Limit > 500 {
		return nil, "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit: %d is not between 0 and 500", q.Limit)
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	wants, err := q.Wants()
	if err != nil {
		return nil, "", err
	}
	page := searchPage
	if wants == nil {
		page = q.Limit
	}
	s.logs.settle(ctx)
	list = []Invocation{}
	from, to := q.bounds(app)
	for examined := 0; examined < searchMost; {
		filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: from}, {Key: "$lt", Value: to}}}}
		if q.Function != "" {
			filter = append(bson.D{{Key: "app", Value: app}, {Key: "function", Value: q.Function}}, filter...)
		}
		records, err := s.logs.records.Find(ctx, filter, documents.FindOptions{Sort: bson.D{{Key: "_id", Value: -1}}, Limit: int64(page)})
		if err != nil {
			return nil, "", err
		}
		for i := range records {
			found := records[i].invocation()
			to = records[i].ID
			if wants != nil && !wants(&found) {
				continue
			}
			if list = append(list, found); len(list) == q.Limit {
				return list, found.ID, nil
			}
		}
		examined += len(records)
		if len(records) < page {
			return list, "", nil
		}
	}
	return list, strings.TrimPrefix(to, string(app)+"/"), nil
}

// bounds returns between which IDs of records the invocations lie.
func (q *LogQuery) bounds(app yunduo.AppID) (from, to string) {
	// '0' follows '/', so that the range holds every ID of the app and none of another.
	from, to = string(app)+"/", string(app)+"0"
	if !q.Since.IsZero() {
		from = logID(app, stampOf(q.Since))
	}
	if q.After != "" {
		from = max(from, logID(app, q.After))
	}
	if !q.Until.IsZero() {
		to = logID(app, stampOf(q.Until))
	}
	if q.Before != "" {
		to = min(to, logID(app, q.Before))
	}
	return from, to
}

// stampOf is how the IDs of invocations begin that begin at a time.
func stampOf(t time.Time) string { return fmt.Sprintf("%012x", max(0, t.UnixMilli())) }

// logSweep is how often records are removed that are too old.
const logSweep = time.Hour

func (s *Service) sweepLogs(ctx context.Context) {
	ticker := time.NewTicker(logSweep)
	defer ticker.Stop()
	for {
		if err := s.sweepOldLogs(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("old invocation records could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Service) sweepOldLogs(ctx context.Context) error {
	return s.logs.sweep(ctx, s.options.Now(), func(ctx context.Context, app yunduo.AppID) (time.Duration, error) {
		if s.options.LogAge == nil {
			return s.limits.LogAge, nil
		}
		age, err := s.options.LogAge(ctx, app)
		if err == nil && age == 0 || yunduo.ReasonOf(err) == yunduo.ReasonAppNotFound { // it was deleted, and may come back
			return s.limits.LogAge, nil
		}
		return age, err
	})
}
