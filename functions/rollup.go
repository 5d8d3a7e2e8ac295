package functions

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// What functions count is added to records of minutes and of hours, one for each function and one for its app. They are
// added to, not written whole, so that a restart in the midst of a minute and other nodes add to the same record.

const (
	rollupLook    = time.Second      // how often to see whether a minute is over
	sampleEvery   = 10 * time.Second // how often processes are looked at
	rollupWriters = 16               // writes at the same time, which the engine commits together
)

// minute is what a function counted in one minute and has not stored yet.
type minute struct {
	number int64 // of the minute since 1970
	counts
}

// counts are what is counted in a span of time.
type counts struct {
	calls, errors, cold int64
	queue, queueMax     time.Duration // waited for a process: all together, and the longest
	cpu                 time.Duration
	memory              int64 // the most that was seen, in bytes
	latency             histogram
	took                time.Duration // what is in latency, all together; it is not stored
}

func (c *counts) empty() bool { return c.calls == 0 && c.cpu == 0 && c.memory == 0 }

func (c *counts) merge(other *counts) {
	c.calls += other.calls
	c.errors += other.errors
	c.cold += other.cold
	c.queue += other.queue
	c.queueMax = max(c.queueMax, other.queueMax)
	c.cpu += other.cpu
	c.memory = max(c.memory, other.memory)
	c.latency.merge(&other.latency)
	c.took += other.took
}

// minute returns the counts for a time. What an earlier minute has left, because storing is late, goes along. f.mu is
// held.
func (f *functionFigures) minute(unix int64) *counts {
	m := &f.minutes[unix/60&1]
	m.number = max(m.number, unix/60)
	return &m.counts
}

// use counts what the function's processes have used.
func (f *functionFigures) use(at time.Time, cpu time.Duration, memory int64) {
	if cpu <= 0 && memory <= 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.minute(at.Unix())
	c.cpu += max(0, cpu)
	c.memory = max(c.memory, memory)
}

// take returns the minutes before a number and forgets them.
func (f *functionFigures) take(before int64) (taken []minute) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.minutes {
		if m := &f.minutes[i]; m.number < before && !m.empty() {
			taken = append(taken, *m)
			*m = minute{}
		}
	}
	return taken
}

// figureRecord is what was counted in a minute or an hour, as it is stored. Its ID is app/function/number of the span in
// hexadecimal digits; the function is empty for the whole app.
type figureRecord struct {
	ID         string           `bson:"_id"`
	At         time.Time        `bson:"at"`
	Calls      int64            `bson:"calls"`
	Errors     int64            `bson:"errors"`
	Cold       int64            `bson:"cold"`
	QueueUS    int64            `bson:"queueUs"`
	QueueMaxUS int64            `bson:"queueMaxUs"`
	CPUUS      int64            `bson:"cpuUs"`
	Memory     int64            `bson:"memory"`
	Latency    map[string]int64 `bson:"latency"` // by bucket
}

func (r *figureRecord) counts() *counts {
	c := &counts{
		calls: r.Calls, errors: r.Errors, cold: r.Cold, queue: time.Duration(r.QueueUS) * time.Microsecond, queueMax: time.Duration(r.QueueMaxUS) * time.Microsecond,
		cpu: time.Duration(r.CPUUS) * time.Microsecond, memory: r.Memory,
	}
	for name, n := range r.Latency {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(c.latency) {
			c.latency[i] = uint32(n)
		}
	}
	return c
}

// change is the update that adds the counts to a record.
func (c *counts) change(at time.Time) bson.D {
	add := bson.D{}
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"calls", c.calls}, {"errors", c.errors}, {"cold", c.cold}, {"queueUs", c.queue.Microseconds()}, {"cpuUs", c.cpu.Microseconds()},
	} {
		if f.n != 0 {
			add = append(add, bson.E{Key: f.name, Value: f.n})
		}
	}
	for i, n := range c.latency {
		if n != 0 {
			add = append(add, bson.E{Key: "latency." + strconv.Itoa(i), Value: int64(n)})
		}
	}
	change := bson.D{{Key: "$max", Value: bson.D{{Key: "queueMaxUs", Value: c.queueMax.Microseconds()}, {Key: "memory", Value: c.memory}}}, {Key: "$setOnInsert", Value: bson.D{{Key: "at", Value: at}}}}
	if len(add) > 0 {
		change = append(change, bson.E{Key: "$inc", Value: add})
	}
	return change
}

func figureID(app yunduo.AppID, function string, number int64) string {
	return fmt.Sprintf("%s/%s/%08x", app, function, number)
}

// rollups are the stored figures: minutes and hours.
type rollups struct {
	minutes, hours *documents.Records[figureRecord]
	// storing keeps readers from seeing figures that are neither in memory nor stored.
	storing sync.RWMutex
}

func openRollups(db *documents.DB, limits Limits) *rollups {
	open := func(name string, age time.Duration) *documents.Records[figureRecord] {
		return documents.NewRecords[figureRecord](db, name, documents.RecordOptions{Silent: true, Indexes: []driver.Index{
			{Name: "age", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: age},
		}})
	}
	return &rollups{minutes: open("function_minutes", limits.MinuteAge), hours: open("function_hours", limits.HourAge)}
}

// step is a way to divide time.
func (r *rollups) step(step time.Duration) (records *documents.Records[figureRecord], minutes int64) {
	if step == time.Hour {
		return r.hours, 60
	}
	return r.minutes, 1
}

// keepFigures looks at processes and stores the minutes that are over, until ctx ends; then it stores the rest.
func (s *Service) keepFigures(ctx context.Context) {
	ticker := time.NewTicker(rollupLook)
	defer ticker.Stop()
	stored := s.options.Now().Unix() / 60
	sampled := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if time.Since(sampled) >= sampleEvery {
			sampled = time.Now()
			s.sample()
		}
		if n := s.options.Now().Unix() / 60; n != stored {
			stored = n
			s.storeFigures(n)
		}
	}
}

// sample counts what processes have used since it was last called.
func (s *Service) sample() {
	s.mu.RLock()
	programs := make([]*program, 0, len(s.programs))
	for _, p := range s.programs {
		programs = append(programs, p)
	}
	s.mu.RUnlock()
	for _, p := range programs {
		p.sample(s.options.Now())
	}
}

// storeFigures stores the minutes before a number. What cannot be stored is lost: figures are not worth a server's memory.
func (s *Service) storeFigures(before int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s.rollups.storing.Lock()
	defer s.rollups.storing.Unlock()
	var group errgroup.Group
	group.SetLimit(rollupWriters)
	store := func(app yunduo.AppID, function string, number int64, c *counts) {
		for _, step := range []time.Duration{time.Minute, time.Hour} {
			records, minutes := s.rollups.step(step)
			at := time.Unix(number/minutes*minutes*60, 0).UTC()
			group.Go(func() error { return records.Upsert(ctx, figureID(app, function, number/minutes), c.change(at)) })
		}
	}
	for app, all := range s.figures.list() {
		var together []minute
		for function, own := range all {
			taken := own.take(before)
			for i := range taken {
				store(app, function, taken[i].number, &taken[i].counts)
				if count := s.options.Count; count != nil {
					count(taken[i].counted(app, function))
				}
			}
			together = append(together, taken...)
		}
		for number, sum := range byNumber(together) {
			store(app, "", number, sum)
		}
	}
	s.figures.sweep(s.options.Now().Unix())
	if err := group.Wait(); err != nil {
		s.log.Error("figures of functions could not be stored", "error", err)
	}
}

// byNumber adds up the minutes of different functions. What they use of memory they use at the same time.
func byNumber(minutes []minute) map[int64]*counts {
	sums := make(map[int64]*counts)
	for i := range minutes {
		m := &minutes[i]
		sum := sums[m.number]
		if sum == nil {
			sum = &counts{}
			sums[m.number] = sum
		}
		memory := sum.memory + m.memory
		sum.merge(&m.counts)
		sum.memory = memory
	}
	return sums
}

// list returns a copy of the functions by app.
func (f *figures) list() map[yunduo.AppID]map[string]*functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make(map[yunduo.AppID]map[string]*functionFigures, len(f.apps))
	for app, all := range f.apps {
		own := make(map[string]*functionFigures, len(all.functions))
		for name, figures := range all.functions {
			own[name] = figures
		}
		list[app] = own
	}
	return list
}

func (f *figures) sweep(now int64) {
	f.mu.Lock()
	all := make([]*appFigures, 0, len(f.apps))
	for _, a := range f.apps {
		all = append(all, a)
	}
	f.mu.Unlock()
	for _, a := range all {
		a.sweep(now)
	}
}

// drop removes what is stored of an app, or of one of its functions.
func (r *rollups) drop(ctx context.Context, app yunduo.AppID, function string) error {
	from, to := string(app)+"/", string(app)+"0" // '0' follows '/'
	if function != "" {
		from, to = string(app)+"/"+function+"/", string(app)+"/"+function+"0"
	}
	for _, records := range []*documents.Records[figureRecord]{r.minutes, r.hours} {
		if _, err := records.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: from}, {Key: "$lt", Value: to}}}}); err != nil {
			return err
		}
	}
	return nil
}
