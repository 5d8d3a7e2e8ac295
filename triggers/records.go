package triggers

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// trigger is the record of a trigger.
type trigger struct {
	ID       string     `bson:"_id"` // app/function/name
	App      string     `bson:"app"`
	Function string     `bson:"function"`
	Name     string     `bson:"name"`
	Schedule string     `bson:"schedule"`
	TimeZone string     `bson:"timeZone"`
	Payload  string     `bson:"payload"`
	Overlap  Overlap    `bson:"overlap"`
	Enabled  bool       `bson:"enabled"`
	Due      *time.Time `bson:"due"` // null when disabled, and when no due time is left
}

func triggerID(app yunduo.AppID, function, name string) string {
	return string(app) + "/" + function + "/" + name
}

func (t trigger) definition() Definition {
	return Definition{Name: t.Name, Type: timer, Schedule: t.Schedule, TimeZone: t.TimeZone, Payload: t.Payload, Overlap: t.Overlap}
}

// firing is the record of a firing.
type firing struct {
	ID           string        `bson:"_id"` // the trigger's ID and the due time, or a random part for one by hand
	Trigger      string        `bson:"trigger"`
	DueAt        time.Time     `bson:"dueAt"`
	StartedAt    time.Time     `bson:"startedAt"`
	Duration     time.Duration `bson:"duration"`
	Status       Status        `bson:"status"`
	Reason       yunduo.Reason `bson:"reason,omitempty"`
	Message      string        `bson:"message,omitempty"`
	InvocationID string        `bson:"invocationId,omitempty"`
	Manual       bool          `bson:"manual,omitempty"`
	// Lease is until when a running firing counts as running without a sign of life from its node.
	Lease time.Time `bson:"lease"`
}

// firingID names the firing of a due time, so that there is one at most.
func firingID(trigger string, due time.Time) string {
	return trigger + "@" + due.UTC().Format(time.RFC3339)
}

func (f firing) public() Firing {
	p := Firing{
		ID: f.ID, DueAt: f.DueAt.UTC(), Duration: f.Duration, Status: f.Status, Reason: f.Reason, Message: f.Message,
		InvocationID: f.InvocationID, Manual: f.Manual,
	}
	if f.StartedAt.Year() > 1 {
		p.StartedAt = f.StartedAt.UTC()
	}
	return p
}

// is makes a filter of field-value pairs.
func is(pairs ...any) bson.D {
	var d bson.D
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// set makes an update of field-value pairs.
func set(pairs ...any) bson.D { return is("$set", is(pairs...)) }
