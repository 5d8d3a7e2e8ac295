package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/api"
	"yunduo/data/documents"
	"yunduo/data/query/ejson"
)

// watched is one watch of a socket.
type watched struct {
	socket *watchSocket
	id     string
	app    yunduo.AppID
	query  watchQuery

	mu         sync.Mutex
	watch      *documents.Watch
	request    string // ID of the message that waits for an answer; empty if none does
	rebuilding bool   // that message is a REBUILD_WATCH
	queryID    string // empty before the first snapshot
	last       uint64 // ID of the last event that was sent, or that the client has
	skip       uint64 // events that come again but that the client has
	marks      []mark
}

// Messages returns what the watch delivers.
func (o *watched) Messages() [][]byte {
	o.socket.mu.Lock()
	current, caller := slices.Contains(o.socket.watches, o), o.socket.caller
	o.socket.mu.Unlock()
	if !current {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	events, err := o.watch.Take()
	var text []byte
	for _, e := range events {
		text = o.add(text, e)
	}
	var messages [][]byte
	switch {
	case len(text) > 0:
		messages = append(messages, o.message(text))
	case o.rebuilding && err == nil:
		// Nothing was missed if it is where the log ends; unless there are fewer events than the client has.
		if _, reached := o.watch.Position(); reached && o.skip == 0 {
			messages = append(messages, o.message(nil))
		} else if reached {
			err = o.restart(caller)
		}
	}
	if err == nil {
		return messages
	}
	o.socket.mu.Lock()
	o.socket.watches = slices.DeleteFunc(o.socket.watches, func(other *watched) bool { return other == o })
	o.socket.mu.Unlock()
	failed, wrong := json.Marshal(watchAnswer{WatchID: o.id, RequestID: o.request, Type: "ERROR", Data: failureCode(err)})
	if wrong != nil {
		return messages
	}
	return append(messages, failed)
}

// open begins the watch, after a resume token if there is one.
func (o *watched) open(ctx context.Context, caller yunduo.Caller, after string) error {
	request, err := o.query.request(after)
	if err != nil {
		return err
	}
	call := &api.Call{Caller: caller, App: o.app, BaseURL: o.socket.baseURL}
	watch, err := o.socket.surface.API.Watch(ctx, call, request, maxReplay, func() { o.socket.socket.Wake(o) })
	if err == nil {
		o.watch = watch
	}
	return err
}

// restart begins with the whole result: the client's events cannot be told from those that it lacks.
func (o *watched) restart(caller yunduo.Caller) error {
	o.watch.Close()
	o.skip = 0
	return o.open(context.Background(), caller, "")
}

// add appends the events that one step of the watch means, all of the same ID.
func (o *watched) add(text []byte, e *documents.WatchEvent) []byte {
	if e.Snapshot {
		o.skip = 0
		if o.queryID == "" {
			o.queryID, o.last = o.query.id(e.Resume()), firstEvent-1
		}
	} else if o.skip > 0 {
		o.skip--
		return text
	}
	o.last++
	if o.last%markEvery == 0 {
		o.mark(e.Resume())
	}
	for part := range bytes.SplitSeq(e.Text(documents.FormCloudBase, appendWatchEvents), []byte{0}) {
		if len(part) == 0 {
			if o.last == firstEvent {
				continue // the client knows what no events mean in the first message
			}
			part = []byte(emptyResult)
		}
		text = append(text, ',')
		for i, event := range bytes.Split(part, []byte{1}) {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(strconv.AppendUint(append(text, `{"ID":`...), o.last, 10), event...)
		}
	}
	if len(text) == 0 {
		text = append(text, ',') // there is something to say: that there is nothing
	}
	return text
}

// emptyResult takes everything from a client: it begins a result with a document that leaves at once.
const emptyResult = `,"DataType":"init","QueueType":"init","DocID":"","Doc":"{\"_id\":\"\"}"}` + "\x01" +
	`,"DataType":"remove","QueueType":"dequeue","DocID":"","Doc":""}`

// message wraps events in the message that the client expects now.
func (o *watched) message(events []byte) []byte {
	kind, request := "NEXT_EVENT", o.request
	if request != "" && !o.rebuilding {
		kind = "INIT_EVENT"
	}
	o.request, o.rebuilding = "", false
	events = bytes.TrimPrefix(events, []byte{','})
	text := make([]byte, 0, len(events)+len(o.queryID)+256)
	text = append(text, `{"watchId":`...)
	text = appendText(text, o.id)
	text = appendText(append(text, `,"requestId":`...), request)
	text = append(append(append(text, `,"msgType":"`...), kind...), `","msgData":{"queryID":`...)
	text = appendText(text, o.queryID)
	text = strconv.AppendUint(append(text, `,"currEvent":`...), o.last, 10)
	return append(append(append(text, `,"events":[`...), events...), `]}}`...)
}

// appendText appends the JSON form of a text of the client.
func appendText(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}

// appendWatchEvents writes the events without their IDs, which differ from watch to watch, separated by a zero byte.
func appendWatchEvents(e *documents.WatchEvent) []byte {
	var text []byte
	for i, doc := range e.Documents {
		if i > 0 {
			text = append(text, 0)
		}
		text = appendEvent(text, "init", "init", plainID(doc.Lookup("_id")), plainDocument(doc))
	}
	for i, c := range e.Changes {
		if i > 0 {
			text = append(text, 0)
		}
		var doc []byte
		if c.Document != nil {
			doc = plainDocument(c.Document)
		}
		data, queue := kindOf(c)
		text = appendEvent(text, data, queue, plainID(c.ID), doc)
	}
	return text
}

func appendEvent(text []byte, data, queue string, id string, doc []byte) []byte {
	text = append(append(text, `,"DataType":"`...), data...)
	text = append(append(text, `","QueueType":"`...), queue...)
	text = appendText(append(text, `","DocID":`...), id)
	text = appendText(append(text, `,"Doc":`...), string(doc))
	return append(text, '}')
}

// kindOf says a change in the client's words. Documents are always sent whole: a replacement, as it were.
func kindOf(c documents.WatchChange) (data, queue string) {
	switch c.Move {
	case documents.MoveEnter:
		queue = "enqueue"
	case documents.MoveUpdate:
		return "replace", "update"
	default:
		queue = "dequeue"
	}
	switch c.Cause {
	case documents.CauseInsert:
		data = "add"
	case documents.CauseDelete:
		data = "remove"
	case documents.CauseLimit:
		data = "limit"
	default:
		data = "update"
	}
	return data, queue
}

func (o *watched) mark(token string) {
	if len(o.marks) == markKept {
		o.marks = o.marks[1:]
	}
	o.marks = append(o.marks, mark{o.last, token})
}

// acknowledged notes what the client has and returns the ID of the last event that was sent.
func (o *watched) acknowledged(event uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if event == o.last && !o.rebuilding {
		if token, ok := o.watch.Position(); ok {
			o.mark(token)
		}
	}
	return o.last
}

func (o *watched) close(forGood bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watch.Close()
	if forGood {
		o.socket.surface.marks.forget(o.queryID)
	} else {
		o.socket.surface.marks.keep(o.queryID, o.marks)
	}
}

// plainDocument is a document as clients of this protocol read it, who decode nothing: dates are ISO texts.
func plainDocument(doc bson.Raw) []byte { return plainDates(ejson.Append(nil, doc)) }

// plainDates unwraps {"$date":"..."}. The text is JSON, in which {" cannot occur inside a string.
func plainDates(text []byte) []byte {
	const before = `{"$date":"`
	var out []byte
	for {
		i := bytes.Index(text, []byte(before))
		if i < 0 {
			return plainJSON(append(out, text...))
		}
		inner, rest, ok := wrapped(text[i:], before, `"}`)
		if !ok {
			return plainJSON(append(out, text...))
		}
		out = append(append(append(append(out, text[:i]...), '"'), inner...), '"')
		text = rest
	}
}

// plainID is an _id as text; that of a document which is a text is that text.
func plainID(id bson.RawValue) string {
	if text, ok := id.StringValueOK(); ok {
		return text
	}
	return string(plainJSON(ejson.AppendValue(nil, id)))
}
