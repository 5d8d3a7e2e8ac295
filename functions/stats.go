package functions

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// maxBuckets is how many spans one question may be about.
const maxBuckets = 2000

// StatsQuery says which figures to return.
type StatsQuery struct {
	Function string // empty for the whole app
	// From and To are the span of time, rounded to whole steps; To may be zero for now, From for an hour before.
	From, To time.Time
	// Step is a minute or an hour; zero is minutes for up to six hours.
	Step time.Duration
}

// Figures are what functions did in a span of time.
type Figures struct {
	Time          time.Time // when it began
	Calls         int64
	Errors        int64
	ColdStarts    int64
	P50, P95, P99 time.Duration // as callers saw them, estimated
	Queue         time.Duration // mean of the time that a call waited for a process
	QueueMax      time.Duration
	CPU           time.Duration // that processes used
	Memory        int64         // the most bytes that processes were seen to have for themselves
}

// Series are figures by time, oldest first, and all together.
type Series struct {
	Step    time.Duration
	Buckets []Figures
	Total   Figures
}

func (c *counts) figures(at time.Time) Figures {
	f := Figures{
		Time: at, Calls: c.calls, Errors: c.errors, ColdStarts: c.cold, QueueMax: c.queueMax, CPU: c.cpu, Memory: c.memory,
		P50: c.latency.quantile(0.5), P95: c.latency.quantile(0.95), P99: c.latency.quantile(0.99),
	}
	if c.calls > 0 {
		f.Queue = c.queue / time.Duration(c.calls)
	}
	return f
}

// span is a query in whole steps: the numbers of the first and of the one after the last.
type span struct {
	step     time.Duration
	from, to int64
}

func (s *Service) span(q StatsQuery) (span, error) {
	if q.To.IsZero() {
		q.To = s.options.Now()
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-time.Hour)
	}
	if q.Step == 0 {
		if q.Step = time.Minute; q.To.Sub(q.From) > 6*time.Hour {
			q.Step = time.Hour
		}
	}
	switch {
	case q.Step != time.Minute && q.Step != time.Hour:
		return span{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "stepSeconds: %v is neither 60 nor 3600", q.Step.Seconds())
	case q.From.Unix() < 0 || q.To.Before(q.From):
		return span{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "from: it lies after to, or before 1970")
	}
	seconds := int64(q.Step / time.Second)
	sp := span{step: q.Step, from: q.From.Unix() / seconds, to: q.To.Unix()/seconds + 1}
	if sp.to-sp.from > maxBuckets {
		return span{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "from: the time holds more than %d steps; ask for less, or for hours", maxBuckets)
	}
	return sp, nil
}

func (sp span) at(number int64) time.Time {
	return time.Unix(number*int64(sp.step/time.Second), 0).UTC()
}

// History returns what an app's functions did, or one of them, by minutes or hours: as far back as they are kept, and on
// all machines, except that the running minute is this machine's. Errors: permission_denied, invalid_request.
func (s *Service) History(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, q StatsQuery) (Series, error) {
	if err := manage(caller, app); err != nil {
		return Series{}, err
	}
	sp, err := s.span(q)
	if err != nil {
		return Series{}, err
	}
	s.rollups.storing.RLock()
	defer s.rollups.storing.RUnlock()
	sums, err := s.sums(ctx, app, q.Function, sp)
	if err != nil {
		return Series{}, err
	}
	series := Series{Step: sp.step, Buckets: make([]Figures, len(sums))}
	var total counts
	for i, c := range sums {
		if c == nil {
			series.Buckets[i].Time = sp.at(sp.from + int64(i))
			continue
		}
		series.Buckets[i] = c.figures(sp.at(sp.from + int64(i)))
		total.merge(c)
	}
	series.Total = total.figures(sp.at(sp.from))
	return series, nil
}

// HistoryByFunction is History of each of an app's functions, all together only.
func (s *Service) HistoryByFunction(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, q StatsQuery) (map[string]Figures, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	sp, err := s.span(q)
	if err != nil {
		return nil, err
	}
	list, err := s.live.Find(ctx, bson.D{{Key: "app", Value: app}}, documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	s.rollups.storing.RLock()
	defer s.rollups.storing.RUnlock()
	result := make(map[string]Figures, len(list))
	for _, f := range list {
		sums, err := s.sums(ctx, app, f.Name, sp)
		if err != nil {
			return nil, err
		}
		var total counts
		for _, c := range sums {
			if c != nil {
				total.merge(c)
			}
		}
		result[f.Name] = total.figures(sp.at(sp.from))
	}
	return result, nil
}

// sums returns what is stored of a span, with what is not stored yet; nil where nothing happened.
func (s *Service) sums(ctx context.Context, app yunduo.AppID, function string, sp span) ([]*counts, error) {
	records, minutes := s.rollups.step(sp.step)
	stored, err := records.Find(ctx, bson.D{{Key: "_id", Value: bson.D{
		{Key: "$gte", Value: figureID(app, function, sp.from)}, {Key: "$lt", Value: figureID(app, function, sp.to)},
	}}}, documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	sums := make([]*counts, sp.to-sp.from)
	add := func(number int64, c *counts) {
		if number < sp.from || number >= sp.to {
			return
		}
		if at := &sums[number-sp.from]; *at == nil {
			*at = c
		} else {
			(*at).merge(c)
		}
	}
	for _, r := range stored {
		add(r.At.Unix()/60/minutes, r.counts())
	}
	for number, c := range byNumber(s.figures.running(app, function)) {
		add(number/minutes, c)
	}
	return sums, nil
}

// running returns what is not stored yet of a function, or of the whole app.
func (f *figures) running(app yunduo.AppID, function string) (minutes []minute) {
	f.mu.Lock()
	var list []*functionFigures
	if all := f.apps[app]; all != nil {
		for name, own := range all.functions {
			if function == "" || function == name {
				list = append(list, own)
			}
		}
	}
	f.mu.Unlock()
	for _, own := range list {
		own.mu.Lock()
		for _, m := range own.minutes {
			if !m.empty() {
				minutes = append(minutes, m)
			}
		}
		own.mu.Unlock()
	}
	return minutes
}
