package releases

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/triggers"
)

// current says which release is live.
type current struct {
	ID     string `bson:"_id"` // of the app
	Number int64  `bson:"number"`
}

// record is a release, with all that holds after it.
type record struct {
	ID        string            `bson:"_id"` // app/number
	App       yunduo.AppID      `bson:"app"`
	Number    int64             `bson:"number"`
	Restores  int64             `bson:"restores,omitempty"`
	Note      string            `bson:"note,omitempty"`
	CreatedAt time.Time         `bson:"createdAt"`
	CreatedBy string            `bson:"createdBy"`
	Functions map[string]int64  `bson:"functions"`
	Triggers  []triggerRecord   `bson:"triggers"`
	Rules     []ruleRecord      `bson:"rules"`
	Texts     map[string]string `bson:"texts"`
	Indexes   []indexRecord     `bson:"indexes"`
}

func recordID(app yunduo.AppID, number int64) string { return fmt.Sprintf("%s/%d", app, number) }

type triggerRecord struct {
	Function string           `bson:"function"`
	Name     string           `bson:"name"`
	Schedule string           `bson:"schedule"`
	TimeZone string           `bson:"timeZone,omitempty"`
	Payload  string           `bson:"payload,omitempty"`
	Overlap  triggers.Overlap `bson:"overlap,omitempty"`
}

type ruleRecord struct {
	Collection string `bson:"collection"`
	Rules      string `bson:"rules"`
}

type indexRecord struct {
	Collection  string              `bson:"collection"`
	Name        string              `bson:"name"`
	Fields      []driver.IndexField `bson:"fields"`
	Unique      bool                `bson:"unique,omitempty"`
	Sparse      bool                `bson:"sparse,omitempty"`
	Partial     []byte              `bson:"partial,omitempty"`
	Collation   []byte              `bson:"collation,omitempty"`
	ExpireAfter time.Duration       `bson:"expireAfter,omitempty"`
}

func newIndexRecord(collection string, i driver.Index) indexRecord {
	return indexRecord{collection, i.Name, i.Fields, i.Unique, i.Sparse, i.Partial, i.Collation, i.ExpireAfter}
}

func (r *indexRecord) index() Index {
	i := Index{r.Collection, driver.Index{Name: r.Name, Fields: r.Fields, Unique: r.Unique, Sparse: r.Sparse, ExpireAfter: r.ExpireAfter}}
	if len(r.Partial) > 0 {
		i.Partial = bson.Raw(r.Partial)
	}
	if len(r.Collation) > 0 {
		i.Collation = bson.Raw(r.Collation)
	}
	return i
}

func triggerRecords(all map[string][]triggers.Definition) []triggerRecord {
	list := []triggerRecord{}
	for function, definitions := range all {
		for _, d := range definitions {
			list = append(list, triggerRecord{function, d.Name, d.Schedule, d.TimeZone, d.Payload, d.Overlap})
		}
	}
	slices.SortFunc(list, func(a, b triggerRecord) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func (r *record) definitions() map[string][]triggers.Definition {
	all := map[string][]triggers.Definition{}
	for _, t := range r.Triggers {
		all[t.Function] = append(all[t.Function], triggers.Definition{Name: t.Name, Schedule: t.Schedule, TimeZone: t.TimeZone, Payload: t.Payload, Overlap: t.Overlap})
	}
	return all
}
