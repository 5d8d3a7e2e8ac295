package query_test

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

func update(t testing.TB, text string) *query.Update {
	t.Helper()
	u, err := query.ParseUpdate(doc(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return u
}

// Document before, update, document after; "same" means that nothing differs.
var updateCases = []struct{ before, update, after string }{
	{`{"a":1}`, `{"$set":{"a":2}}`, `{"a":2}`},
	{`{"a":1,"b":2}`, `{"$set":{"a":5}}`, `{"a":5,"b":2}`},
	{`{"a":1}`, `{"$set":{"b":"x"}}`, `{"a":1,"b":"x"}`},
	{`{"o":{"x":1,"y":2}}`, `{"$set":{"o.y":3}}`, `{"o":{"x":1,"y":3}}`},
	{`{"a":1}`, `{"$set":{"p.q.r":1}}`, `{"a":1,"p":{"q":{"r":1}}}`},
	{`{"l":[1,2,3]}`, `{"$set":{"l.1":"two"}}`, `{"l":[1,"two",3]}`},
	{`{"l":[{"n":1},{"n":2}]}`, `{"$set":{"l.1.n":5}}`, `{"l":[{"n":1},{"n":5}]}`},
	{`{"l":[1]}`, `{"$set":{"l.3":4}}`, `{"l":[1,null,null,4]}`},
	{`{"l":[]}`, `{"$set":{"l.0.a":1,"l.1.a":2}}`, `{"l":[{"a":1},{"a":2}]}`},
	{`{}`, `{"$set":{"l.0":1}}`, `{"l":{"0":1}}`},
	{`{"l":[1,2,3]}`, `{"$set":{"l":[9]}}`, `{"l":[9]}`},
	{`{"a":1}`, `{"$set":{"a":null}}`, `{"a":null}`},
	{`{"a":1}`, `{"$set":{"a":1}}`, `same`},
	{`{"a":1}`, `{"$set":{"a":1.0}}`, `{"a":1.0}`},
	{`{"o":{"x":1}}`, `{"$set":{"o":{"z":3}}}`, `{"o":{"z":3}}`},
	{`{"z":1}`, `{"$set":{"c":1,"b":2,"a.10":3,"a.9":4}}`, `{"z":1,"a":{"9":4,"10":3},"b":2,"c":1}`},
	{`{"a":1}`, `{"$set":{}}`, `same`},
	{`{"a":1,"b":2}`, `{"$unset":{"a":""}}`, `{"b":2}`},
	{`{"o":{"x":1,"y":2}}`, `{"$unset":{"o.x":1}}`, `{"o":{"y":2}}`},
	{`{"l":[1,2]}`, `{"$unset":{"l.0":1}}`, `{"l":[null,2]}`},
	{`{"a":1}`, `{"$unset":{"b":1,"c.d":1,"a.x.y":1}}`, `same`},
	{`{"n":5}`, `{"$inc":{"n":2}}`, `{"n":7}`}, {`{"n":5}`, `{"$inc":{"n":-7}}`, `{"n":-2}`}, {`{"n":1}`, `{"$inc":{"n":0.5}}`, `{"n":1.5}`}, {`{"a":1}`, `{"$inc":{"n":3}}`, `{"a":1,"n":3}`}, {`{"o":{"n":1}}`, `{"$inc":{"o.n":1}}`, `{"o":{"n":2}}`},
	{`{"n":2147483647}`, `{"$inc":{"n":1}}`, `{"n":2147483648}`}, {`{"n":1}`, `{"$inc":{"n":0}}`, `same`}, {`{"n":{"$numberDecimal":"1.10"}}`, `{"$inc":{"n":{"$numberDecimal":"0.20"}}}`, `{"n":{"$numberDecimal":"1.30"}}`}, {`{"n":{"$numberDouble":"Infinity"}}`, `{"$inc":{"n":1}}`, `same`},
	{`{"n":6}`, `{"$mul":{"n":1.5}}`, `{"n":9.0}`}, {`{}`, `{"$mul":{"n":4}}`, `{"n":0}`}, {`{}`, `{"$mul":{"n":4.5}}`, `{"n":0.0}`}, {`{}`, `{"$mul":{"n":{"$numberDouble":"Infinity"}}}`, `{"n":0.0}`}, {`{"n":65536}`, `{"$mul":{"n":65536}}`, `{"n":4294967296}`},
	{`{"n":6,"m":1}`, `{"$min":{"n":4,"m":4}}`, `{"n":4,"m":1}`}, {`{"n":6,"m":1}`, `{"$max":{"n":4,"m":4}}`, `{"n":6,"m":4}`}, {`{}`, `{"$min":{"n":4}}`, `{"n":4}`}, {`{"n":1}`, `{"$max":{"n":"a"}}`, `{"n":"a"}`}, {`{"n":4}`, `{"$min":{"n":4.0}}`, `same`}, {`{"n":null}`, `{"$min":{"n":1}}`, `same`},
	{`{"a":1,"c":4}`, `{"$rename":{"b":"c.d"}}`, `same`}, {`{"l":[{"b":[{"c":5}]},{"b":[{"c":2}]}]}`, `{"$push":{"l":{"$each":[],"$sort":{"b.c":1}}}}`, `same`}, {`{"n":{"$numberDecimal":"10"}}`, `{"$mul":{"n":2.0}}`, `{"n":{"$numberDecimal":"20.00000000000000"}}`}, {`{"n":{"$numberDouble":"9.535874331e+301"}}`, `{"$mul":{"n":{"$numberDecimal":"1"}}}`, `{"n":{"$numberDecimal":"9.53587433100000E+301"}}`},
	{`{"old":1,"keep":2}`, `{"$rename":{"old":"fresh"}}`, `{"keep":2,"fresh":1}`}, {`{"a":1,"b":2}`, `{"$rename":{"a":"b"}}`, `{"b":1}`}, {`{"a":1}`, `{"$rename":{"x":"a"}}`, `same`}, {`{"o":{"a":1}}`, `{"$rename":{"o.a":"p.b"}}`, `{"o":{},"p":{"b":1}}`}, {`{"a":1,"b":2}`, `{"$rename":{"a":"c"},"$set":{"b":3}}`, `{"b":3,"c":1}`},
	{`{}`, `{"$currentDate":{"a":true,"b":{"$type":"date"}}}`, `{"a":{"$date":"2023-11-14T22:13:20.123Z"},"b":{"$date":"2023-11-14T22:13:20.123Z"}}`}, {`{}`, `{"$currentDate":{"a":{"$type":"timestamp"}}}`, `{"a":{"$timestamp":{"t":1700000000,"i":1}}}`},
	{`{"a":1}`, `{"$setOnInsert":{"b":1}}`, `same`}, {`{"a":1}`, `{"$setOnInsert":{"a.b":1}}`, `same`},
	{`{"n":13}`, `{"$bit":{"n":{"and":10}}}`, `{"n":8}`}, {`{"n":3}`, `{"$bit":{"n":{"or":5}}}`, `{"n":7}`}, {`{"n":1}`, `{"$bit":{"n":{"xor":5}}}`, `{"n":4}`}, {`{}`, `{"$bit":{"n":{"or":5}}}`, `{"n":5}`}, {`{"n":12}`, `{"$bit":{"n":{"and":8,"or":{"$numberLong":"1"}}}}`, `{"n":9}`},
	{`{"l":[1]}`, `{"$push":{"l":2}}`, `{"l":[1,2]}`}, {`{"l":[1]}`, `{"$push":{"l":{"$each":[2,3]}}}`, `{"l":[1,2,3]}`}, {`{"l":[]}`, `{"$push":{"l":{"k":"v"}}}`, `{"l":[{"k":"v"}]}`}, {`{}`, `{"$push":{"l":{"$each":[1]}}}`, `{"l":[1]}`}, {`{"l":[1]}`, `{"$push":{"l":[2]}}`, `{"l":[1,[2]]}`}, {`{}`, `{"$push":{"o.l":1}}`, `{"o":{"l":[1]}}`},
	{`{"l":[1,4]}`, `{"$push":{"l":{"$each":[2,3],"$position":1}}}`, `{"l":[1,2,3,4]}`}, {`{"l":[1,4]}`, `{"$push":{"l":{"$each":[2,3],"$position":-1}}}`, `{"l":[1,2,3,4]}`}, {`{"l":[1]}`, `{"$push":{"l":{"$each":[2],"$position":9}}}`, `{"l":[1,2]}`}, {`{"l":[1]}`, `{"$push":{"l":{"$each":[2],"$position":-9}}}`, `{"l":[2,1]}`},
	{`{"l":[5,1]}`, `{"$push":{"l":{"$each":[3,4],"$sort":-1,"$slice":3}}}`, `{"l":[5,4,3]}`}, {`{"l":[{"s":2}]}`, `{"$push":{"l":{"$each":[{"s":1}],"$sort":{"s":1}}}}`, `{"l":[{"s":1},{"s":2}]}`}, {`{"l":[1,2]}`, `{"$push":{"l":{"$each":[3],"$slice":-2}}}`, `{"l":[2,3]}`}, {`{"l":[1,2]}`, `{"$push":{"l":{"$each":[],"$slice":0}}}`, `{"l":[]}`}, {`{"l":[1,2]}`, `{"$push":{"l":{"$each":[3],"$slice":-9}}}`, `{"l":[1,2,3]}`},
	{`{"l":[{"s":{"t":2},"u":1},{"u":5},7]}`, `{"$push":{"l":{"$each":[],"$sort":{"s.t":1,"u":-1}}}}`, `{"l":[{"u":5},7,{"s":{"t":2},"u":1}]}`}, {`{"l":[2,"a",1]}`, `{"$push":{"l":{"$each":[null],"$sort":1}}}`, `{"l":[null,1,2,"a"]}`},
	{`{"l":[3]}`, `{"$push":{"l":{"$each":[1,2],"$position":0}}}`, `{"l":[1,2,3]}`},
	{`{"l":[1,2,3]}`, `{"$pop":{"l":1}}`, `{"l":[1,2]}`}, {`{"l":[1,2,3]}`, `{"$pop":{"l":-1}}`, `{"l":[2,3]}`}, {`{"l":[]}`, `{"$pop":{"l":1,"x":1,"x2.y":1}}`, `same`},
	{`{"l":["a","b","a"]}`, `{"$pull":{"l":"a"}}`, `{"l":["b"]}`}, {`{"l":[1,5,9]}`, `{"$pull":{"l":{"$gt":4}}}`, `{"l":[1]}`}, {`{"l":[{"k":1,"v":1},{"k":2,"v":2}]}`, `{"$pull":{"l":{"k":1}}}`, `{"l":[{"k":2,"v":2}]}`}, {`{"l":[{"k":1},{"k":5},5]}`, `{"$pull":{"l":{"k":{"$gte":5}}}}`, `{"l":[{"k":1},5]}`},
	{`{"l":[1,2,3]}`, `{"$pull":{"l":{"$in":[1,3]}}}`, `{"l":[2]}`}, {`{"l":["ax","b"]}`, `{"$pull":{"l":{"$regularExpression":{"pattern":"^a","options":""}}}}`, `{"l":["b"]}`}, {`{"l":[1,[1,2],2]}`, `{"$pull":{"l":[1,2]}}`, `{"l":[1,2]}`}, {`{"l":[1]}`, `{"$pull":{"l":2,"x":1}}`, `same`}, {`{"l":[{"k":1},{"k":2,"m":1}]}`, `{"$pull":{"l":{"$or":[{"m":1},{"m":2}]}}}`, `{"l":[{"k":1}]}`}, {`{"l":[1,2,3]}`, `{"$pull":{"l":{"$ne":2}}}`, `{"l":[2]}`},
	{`{"l":[1,2,3,2]}`, `{"$pullAll":{"l":[2,3]}}`, `{"l":[1]}`}, {`{"l":[1.0,"1"]}`, `{"$pullAll":{"l":[1]}}`, `{"l":["1"]}`},
	{`{"l":["a"]}`, `{"$addToSet":{"l":"b"}}`, `{"l":["a","b"]}`}, {`{"l":["a"]}`, `{"$addToSet":{"l":"a"}}`, `same`}, {`{"l":["a"]}`, `{"$addToSet":{"l":{"$each":["a","b","c","b"]}}}`, `{"l":["a","b","c"]}`}, {`{}`, `{"$addToSet":{"l":1}}`, `{"l":[1]}`}, {`{"l":[1]}`, `{"$addToSet":{"l":1.0}}`, `same`}, {`{"l":[{"a":1}]}`, `{"$addToSet":{"l":{"$each":[{"a":1},{"a":2}]}}}`, `{"l":[{"a":1},{"a":2}]}`}, {`{"l":[3,1,3]}`, `{"$addToSet":{"l":[1]}}`, `{"l":[3,1,3,[1]]}`},
	{`{"n":1,"l":[1],"x":1}`, `{"$inc":{"n":1},"$push":{"l":2},"$unset":{"x":""},"$set":{"y":"new"}}`, `{"n":2,"l":[1,2],"y":"new"}`},
	{`{"l":[{"n":1},{"n":2}]}`, `{"$inc":{"l.$[].n":10}}`, `{"l":[{"n":11},{"n":12}]}`}, {`{"l":[1,2]}`, `{"$set":{"l.$[]":0}}`, `{"l":[0,0]}`}, {`{"l":[]}`, `{"$set":{"l.$[]":0}}`, `same`}, {`{"l":[[1],[2]]}`, `{"$inc":{"l.$[].$[]":1}}`, `{"l":[[2],[3]]}`}, {`{"l":[{"a":1},{"a":2}]}`, `{"$set":{"l.$[].b":0,"l.1.c":9}}`, `{"l":[{"a":1,"b":0},{"a":2,"b":0,"c":9}]}`},
	{`{"_id":7,"a":1,"b":2}`, `{"z":1}`, `{"_id":7,"z":1}`}, {`{"_id":7,"a":1}`, `{"z":1,"_id":7}`, `{"_id":7,"z":1}`}, {`{"_id":7,"a":1}`, `{}`, `{"_id":7}`}, {`{"_id":7,"a":1}`, `{"a":1}`, `same`}, {`{"_id":7}`, `{"_id":7.0,"a":1}`, `{"_id":7,"a":1}`}, {`{"_id":7}`, `{"$set":{"_id":7,"a":1}}`, `{"_id":7,"a":1}`},
	{`{"姓名":"李","with space":1}`, `{"$set":{"姓名":"王","with-dash":2}}`, `{"姓名":"王","with space":1,"with-dash":2}`},
}

func TestUpdate(t *testing.T) {
	for _, c := range updateCases {
		before := doc(t, c.before)
		copied := append(bson.Raw(nil), before...)
		after, differs, err := update(t, c.update).Apply(before, query.ApplyContext{Now: now})
		if err != nil {
			t.Errorf("%s %s: %v", c.before, c.update, err)
			continue
		}
		want := c.after
		if want == "same" {
			want = text(before)
		}
		if got := text(after); got != want || differs != (c.after != "same") {
			t.Errorf("%s %s\n got %s (differs %v)\nwant %s", c.before, c.update, got, differs, c.after)
		}
		if err := value.Validate(after); err != nil {
			t.Errorf("%s %s: %v", c.before, c.update, err)
		}
		if string(copied) != string(before) {
			t.Errorf("%s %s modified the document", c.before, c.update)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	for _, c := range []struct{ before, update, reason, text string }{
		{`{"a":"x"}`, `{"$inc":{"a":1}}`, "update_not_applicable", "cannot apply $inc to the string field 'a'"}, {`{"o":{"a":null}}`, `{"$mul":{"o.a":1}}`, "update_not_applicable", "null field 'o.a'"}, {`{"a":1,"t":"x"}`, `{"$set":{"a":2},"$inc":{"t":1}}`, "update_not_applicable", "'t'"},
		{`{"n":{"$numberLong":"9223372036854775807"}}`, `{"$inc":{"n":1}}`, "update_not_applicable", "64 bits"}, {`{"a":5}`, `{"$set":{"a.b":1}}`, "update_not_applicable", "'a'"}, {`{"a":null}`, `{"$set":{"a.b":1}}`, "update_not_applicable", "null"}, {`{"a":[1]}`, `{"$set":{"a.b":1}}`, "update_not_applicable", "'a.b'"},
		{`{"l":1}`, `{"$push":{"l":1}}`, "update_not_applicable", "$push to the int field 'l'"}, {`{"l":null}`, `{"$addToSet":{"l":1}}`, "update_not_applicable", "$addToSet"}, {`{"l":1}`, `{"$pop":{"l":1}}`, "update_not_applicable", "$pop"}, {`{"l":1}`, `{"$pull":{"l":1}}`, "update_not_applicable", "$pull"}, {`{"l":1}`, `{"$pullAll":{"l":[1]}}`, "update_not_applicable", "$pullAll"}, {`{"n":1.5}`, `{"$bit":{"n":{"or":1}}}`, "update_not_applicable", "$bit"},
		{`{"l":[]}`, `{"$set":{"l.999999999":1}}`, "update_not_applicable", "too far"}, {`{"_id":1}`, `{"$set":{"_id":2}}`, "update_not_applicable", "_id"}, {`{"_id":1}`, `{"$unset":{"_id":1}}`, "update_not_applicable", "_id"}, {`{"_id":{"a":1}}`, `{"$set":{"_id.a":2}}`, "update_not_applicable", "_id"}, {`{"_id":1}`, `{"_id":2}`, "update_not_applicable", "_id"}, {`{"_id":1,"a":2}`, `{"$rename":{"_id":"b"}}`, "update_not_applicable", "_id"},
		{`{"l":[{"a":1}]}`, `{"$rename":{"l.0.a":"b"}}`, "update_not_applicable", "array"}, {`{"a":1,"l":[1]}`, `{"$rename":{"a":"l.0"}}`, "update_not_applicable", "array"}, {`{"l":1}`, `{"$set":{"l.$[]":1}}`, "update_not_applicable", "'l'"}, {`{}`, `{"$set":{"l.$[]":1}}`, "update_not_applicable", "does not exist"}, {`{"l":[1]}`, `{"$set":{"l.$":1}}`, "update_not_applicable", "matched no array element"}, {`{"l":[1]}`, `{"$set":{"l.$[]":1,"l.0":2}}`, "update_not_applicable", "conflict"}, {`{"l":[1]}`, `{"$set":{"l.$[x]":1}}`, "invalid_update", "'x'"},
		{`{}`, `{"$foo":{"a":1}}`, "unknown_operator", "$foo"}, {`{}`, `{"$set":{"a":1},"b":1}`, "invalid_update", "both"}, {`{}`, `{"$set":5}`, "invalid_update", "$set"}, {`{}`, `{"$set":{"":1}}`, "invalid_update", "empty"}, {`{}`, `{"$set":{"a..b":1}}`, "invalid_update", "empty"}, {`{}`, `{"$set":{"a.":1}}`, "invalid_update", "empty"}, {`{}`, `{"$set":{"$a":1}}`, "invalid_update", "$"}, {`{}`, `{"$set":{"a.$b":1}}`, "invalid_update", "$b"}, {`{}`, `{"$set":{"$[].a":1}}`, "invalid_update", "$"},
		{`{}`, `{"$set":{"a":1},"$inc":{"a":1}}`, "invalid_update", "conflict"}, {`{}`, `{"$set":{"a":1,"a.b":1}}`, "invalid_update", "conflict"}, {`{}`, `{"$set":{"a.b":1},"$unset":{"a":1}}`, "invalid_update", "conflict"}, {`{}`, `{"$rename":{"a":"b"},"$set":{"b":1}}`, "invalid_update", "conflict"}, {`{}`, `{"$rename":{"a":"a.b"}}`, "invalid_update", "conflict"}, {`{}`, `{"$set":{"a.$[]":1},"$push":{"a":1}}`, "invalid_update", "conflict"},
		{`{}`, `{"$inc":{"a":"1"}}`, "invalid_update", "$inc of 'a'"}, {`{}`, `{"$mul":{"a":null}}`, "invalid_update", "$mul"}, {`{}`, `{"$rename":{"a":1}}`, "invalid_update", "$rename"}, {`{}`, `{"$rename":{"a":"a"}}`, "invalid_update", "$rename"}, {`{}`, `{"$rename":{"a":"b.$"}}`, "invalid_update", "positional"}, {`{}`, `{"$rename":{"a":""}}`, "invalid_update", "empty"}, {`{}`, `{"$currentDate":{"a":5}}`, "invalid_update", "$currentDate"}, {`{}`, `{"$currentDate":{"a":{"$type":"x"}}}`, "invalid_update", "$currentDate"}, {`{}`, `{"$bit":{"a":{"and":1.5}}}`, "invalid_update", "$bit"}, {`{}`, `{"$bit":{"a":{"nand":1}}}`, "invalid_update", "$bit"}, {`{}`, `{"$bit":{"a":{}}}`, "invalid_update", "$bit"},
		{`{}`, `{"$push":{"a":{"$each":1}}}`, "invalid_update", "$each"}, {`{}`, `{"$push":{"a":{"$each":[],"$foo":1}}}`, "invalid_update", "$foo"}, {`{}`, `{"$push":{"a":{"$each":[],"$slice":"x"}}}`, "invalid_update", "$slice"}, {`{}`, `{"$push":{"a":{"$each":[],"$sort":2}}}`, "invalid_update", "$sort"}, {`{}`, `{"$push":{"a":{"$each":[],"$sort":{"b":"x"}}}}`, "invalid_update", "$sort"}, {`{}`, `{"$push":{"a":{"$each":[],"$position":1.5}}}`, "invalid_update", "$position"},
		{`{}`, `{"$addToSet":{"a":{"$each":1}}}`, "invalid_update", "$each"}, {`{}`, `{"$pop":{"a":2}}`, "invalid_update", "$pop"}, {`{}`, `{"$pullAll":{"a":1}}`, "invalid_update", "$pullAll"}, {`{}`, `{"$pull":{"a":{"$foo":1}}}`, "unknown_operator", "$foo"}, {`{}`, `{"$pull":{"a":{"$in":1}}}`, "invalid_update", "$in"}, {`{}`, `{"$pull":{"a":{"b":{"$regex":"("}}}}`, "invalid_update", "'b'"},
	} {
		u, err := query.ParseUpdate(doc(t, c.update))
		if err == nil {
			_, _, err = u.Apply(doc(t, c.before), query.ApplyContext{Now: now})
		}
		var e *yunduo.Error
		if !errors.As(err, &e) || string(e.Reason) != c.reason || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s %s: got %v, want %s with %q", c.before, c.update, err, c.reason, c.text)
		}
	}
	for _, raw := range []bson.Raw{nil, {}, {9, 0, 0, 0}} {
		if _, err := query.ParseUpdate(raw); yunduo.ReasonOf(err) != yunduo.ReasonInvalidUpdate {
			t.Errorf("%v: %v", raw, err)
		}
	}
}

func TestPositionalUpdate(t *testing.T) {
	for _, c := range []struct{ filter, before, update, after string }{
		{`{"l":2}`, `{"l":[1,2,3]}`, `{"$set":{"l.$":0}}`, `{"l":[1,0,3]}`},
		{`{"l":{"$gt":1}}`, `{"l":[1,2,3]}`, `{"$inc":{"l.$":10}}`, `{"l":[1,12,3]}`},
		{`{"l.n":2}`, `{"l":[{"n":1},{"n":2}]}`, `{"$set":{"l.$.m":9}}`, `{"l":[{"n":1},{"n":2,"m":9}]}`},
		{`{"l":{"$elemMatch":{"a":1,"b":{"$gt":1}}}}`, `{"l":[{"a":1,"b":1},{"a":1,"b":2}]}`, `{"$set":{"l.$.c":1}}`, `{"l":[{"a":1,"b":1},{"a":1,"b":2,"c":1}]}`},
		{`{"x":1,"l":3}`, `{"x":1,"l":[1,2,3]}`, `{"$unset":{"l.$":1}}`, `{"x":1,"l":[1,2,null]}`},
		{`{"$or":[{"l":2}]}`, `{"l":[1,2]}`, `{"$set":{"l.$":0}}`, `{"l":[1,0]}`},
		{`{"l.m.n":2}`, `{"l":[{"m":[{"n":1}]},{"m":[{"n":2}]}]}`, `{"$set":{"l.$.x":1}}`, `{"l":[{"m":[{"n":1}]},{"m":[{"n":2}],"x":1}]}`},
		{`{"l.0.m":5}`, `{"l":[{"m":[4,5]}]}`, `{"$set":{"l.0.m.$":0}}`, `{"l":[{"m":[4,0]}]}`},
		{`{"o.l":5}`, `{"o":{"l":[4,5]}}`, `{"$set":{"o.l.$":0}}`, `{"o":{"l":[4,0]}}`},
	} {
		after, _, err := update(t, c.update).Apply(doc(t, c.before), query.ApplyContext{Filter: filter(t, c.filter)})
		if err != nil || text(after) != c.after {
			t.Errorf("%s %s %s: got %s %v, want %s", c.filter, c.before, c.update, text(after), err, c.after)
		}
	}
	for _, c := range []struct{ filter, before string }{{`{"x":1}`, `{"x":1,"l":[1]}`}, {`{"l":{"$size":1}}`, `{"l":[1]}`}, {`{"l":{"$ne":5}}`, `{"l":[1]}`}} {
		_, _, err := update(t, `{"$set":{"l.$":0}}`).Apply(doc(t, c.before), query.ApplyContext{Filter: filter(t, c.filter)})
		if yunduo.ReasonOf(err) != yunduo.ReasonUpdateNotApplicable {
			t.Errorf("%s: %v", c.filter, err)
		}
	}
}

func TestArrayFilters(t *testing.T) {
	for _, c := range []struct{ update, filters, before, after string }{
		{`{"$set":{"l.$[e]":0}}`, `[{"e":{"$gt":1}}]`, `{"l":[1,2,3]}`, `{"l":[1,0,0]}`},
		{`{"$inc":{"l.$[e].n":1}}`, `[{"e.k":"x","e.n":{"$lt":5}}]`, `{"l":[{"k":"x","n":1},{"k":"y","n":1},{"k":"x","n":9}]}`, `{"l":[{"k":"x","n":2},{"k":"y","n":1},{"k":"x","n":9}]}`},
		{`{"$set":{"l.$[a].m.$[b]":0}}`, `[{"a.k":1},{"b":{"$ne":2}}]`, `{"l":[{"k":1,"m":[1,2]},{"k":2,"m":[1]}]}`, `{"l":[{"k":1,"m":[0,2]},{"k":2,"m":[1]}]}`},
		{`{"$set":{"l.$[e].z":1}}`, `[{"$or":[{"e.a":1},{"e.b":1}]}]`, `{"l":[{"a":1},{"b":1},{"c":1}]}`, `{"l":[{"a":1,"z":1},{"b":1,"z":1},{"c":1}]}`},
	} {
		filters, err := ejson.ParseArray([]byte(c.filters), ejson.Options{})
		if err != nil {
			t.Fatal(err)
		}
		u, err := update(t, c.update).WithArrayFilters(filters)
		if err != nil {
			t.Errorf("%s: %v", c.update, err)
			continue
		}
		after, _, err := u.Apply(doc(t, c.before), query.ApplyContext{})
		if err != nil || text(after) != c.after {
			t.Errorf("%s %s: got %s %v, want %s", c.update, c.filters, text(after), err, c.after)
		}
	}
	for _, c := range []struct{ update, filters string }{
		{`{"$set":{"l.$[e]":0}}`, `[]`}, {`{"$set":{"l":0}}`, `[{"e":1}]`}, {`{"$set":{"l.$[e]":0}}`, `[{"e":1},{"e":2}]`}, {`{"$set":{"l.$[e]":0}}`, `[{"e":1,"f":2}]`}, {`{"$set":{"l.$[e]":0}}`, `[{}]`}, {`{"$set":{"l.$[e]":0}}`, `[{"e":{"$foo":1}}]`}, {`{"a":1}`, `[{"e":1}]`},
	} {
		filters, _ := ejson.ParseArray([]byte(c.filters), ejson.Options{})
		if _, err := update(t, c.update).WithArrayFilters(filters); yunduo.ReasonOf(err) != yunduo.ReasonInvalidUpdate {
			t.Errorf("%s %s: %v", c.update, c.filters, err)
		}
	}
}

func TestUpsertDocument(t *testing.T) {
	id := value.String("new")
	for _, c := range []struct{ filter, update, want string }{
		{`{}`, `{"$set":{"a":1}}`, `{"_id":"new","a":1}`},
		{`{"_id":5,"n":{"$gt":1}}`, `{"$set":{"a":1}}`, `{"_id":5,"a":1}`},
		{`{"k":"x","o.p":2,"$and":[{"m":{"$eq":3}}]}`, `{"$inc":{"n":1},"$setOnInsert":{"first":true}}`, `{"_id":"new","k":"x","m":3,"o":{"p":2},"first":true,"n":1}`},
		{`{"k":{"$in":["x"]},"l":{"$all":[1]},"z":{"$in":[1,2]},"r":{"$regularExpression":{"pattern":"x","options":""}}}`, `{"$set":{"a":1}}`, `{"_id":"new","k":"x","l":1,"a":1}`},
		{`{"k":"x"}`, `{"$set":{"k":"y"}}`, `{"_id":"new","k":"y"}`},
		{`{"n":5}`, `{"$inc":{"n":1}}`, `{"_id":"new","n":6}`},
		{`{"k":"x","_id":7}`, `{"z":1}`, `{"_id":7,"z":1}`}, {`{"k":"x"}`, `{"z":1,"_id":8}`, `{"_id":8,"z":1}`}, {`{"k":"x"}`, `{"$set":{"_id":9}}`, `{"_id":9,"k":"x"}`}, {`{"$or":[{"k":1}]}`, `{"$set":{}}`, `{"_id":"new","k":1}`}, {`{"$or":[{"k":1},{"k":2}]}`, `{"$set":{}}`, `{"_id":"new"}`},
	} {
		got, err := query.UpsertDocument(filter(t, c.filter), update(t, c.update), id, now)
		if err != nil || text(got) != c.want {
			t.Errorf("%s %s: got %s %v, want %s", c.filter, c.update, text(got), err, c.want)
		}
	}
	for _, c := range []struct{ filter, update string }{
		{`{"a":1,"a.b":2}`, `{"$set":{"z":1}}`}, {`{"$and":[{"a":1},{"a":2}]}`, `{"$set":{"z":1}}`}, {`{"_id":1}`, `{"$set":{"_id":2}}`}, {`{"_id":1}`, `{"_id":2}`}, {`{"a":"x"}`, `{"$inc":{"a":1}}`}, {`{"l":1}`, `{"$set":{"l.$":1}}`},
	} {
		if got, err := query.UpsertDocument(filter(t, c.filter), update(t, c.update), id, now); yunduo.ReasonOf(err) != yunduo.ReasonUpdateNotApplicable {
			t.Errorf("%s %s: got %s %v", c.filter, c.update, text(got), err)
		}
	}
}

func TestUpdatePaths(t *testing.T) {
	u := update(t, `{"$set":{"b.c":1,"a":2,"l.$[].x":1},"$rename":{"m":"n"}}`)
	if got := strings.Join(u.Paths(), " "); got != "a b.c l m n" {
		t.Error(got)
	}
	if u.IsReplacement() || !update(t, `{}`).IsReplacement() || update(t, `{"a":1}`).Paths() != nil {
		t.Error("replacements have no paths")
	}
}
