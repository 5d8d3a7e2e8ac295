package query_test

import (
	"errors"
	"strings"
	"testing"

	"yunduo"
	"yunduo/data/query"
)

func TestProjection(t *testing.T) {
	const book = `{"_id":1,"title":"Alpha","n":1,"tags":["red","blue","green"],"stock":[{"at":"x","qty":5},{"at":"y","qty":0},7,[{"at":"z"}]],"author":{"name":"Li","age":30}}`
	for _, c := range []struct{ projection, want string }{
		{`{}`, book},
		{`{"title":1}`, `{"_id":1,"title":"Alpha"}`}, {`{"title":true,"author.name":1}`, `{"_id":1,"title":"Alpha","author":{"name":"Li"}}`}, {`{"n":1,"_id":0}`, `{"n":1}`}, {`{"_id":false,"n":true}`, `{"n":1}`},
		{`{"_id":1}`, `{"_id":1}`}, {`{"_id":0}`, strings.Replace(book, `"_id":1,`, "", 1)},
		{`{"stock":0,"tags":0,"author":0}`, `{"_id":1,"title":"Alpha","n":1}`}, {`{"stock":0,"tags":0,"author":0,"_id":0}`, `{"title":"Alpha","n":1}`}, {`{"stock":0,"tags":0,"author":0,"_id":1}`, `{"_id":1,"title":"Alpha","n":1}`},
		{`{"stock.qty":1}`, `{"_id":1,"stock":[{"qty":5},{"qty":0},[{}]]}`}, {`{"stock.qty":0,"tags":0,"author.age":0}`, `{"_id":1,"title":"Alpha","n":1,"stock":[{"at":"x"},{"at":"y"},7,[{"at":"z"}]],"author":{"name":"Li"}}`},
		{`{"n.x":1,"author.x":1,"none":1}`, `{"_id":1,"author":{}}`}, {`{"author":{"name":1}}`, `{"_id":1,"author":{"name":"Li"}}`},
		{`{"tags":{"$slice":2},"stock":0}`, `{"_id":1,"title":"Alpha","n":1,"tags":["red","blue"],"author":{"name":"Li","age":30}}`}, {`{"tags":{"$slice":-2},"n":1}`, `{"_id":1,"n":1,"tags":["blue","green"]}`}, {`{"tags":{"$slice":[1,1]},"n":1}`, `{"_id":1,"n":1,"tags":["blue"]}`}, {`{"tags":{"$slice":[-2,5]},"n":1}`, `{"_id":1,"n":1,"tags":["blue","green"]}`}, {`{"tags":{"$slice":0},"n":1}`, `{"_id":1,"n":1,"tags":[]}`}, {`{"tags":{"$slice":[9,1]},"n":1}`, `{"_id":1,"n":1,"tags":[]}`}, {`{"tags":{"$slice":[-9,2]},"n":1}`, `{"_id":1,"n":1,"tags":["red","blue"]}`}, {`{"n":{"$slice":1},"stock":0,"tags":0,"author":0}`, `{"_id":1,"title":"Alpha","n":1}`},
		{`{"stock":{"$elemMatch":{"qty":{"$lt":5}}}}`, `{"_id":1,"stock":[{"at":"y","qty":0}]}`}, {`{"tags":{"$elemMatch":{"$gt":"green"}},"n":1}`, `{"_id":1,"n":1,"tags":["red"]}`}, {`{"stock":{"$elemMatch":{"qty":99}}}`, `{"_id":1}`}, {`{"n":{"$elemMatch":{"$gt":0}}}`, `{"_id":1}`},
		{`{"n":1,"twice":{"$multiply":["$n",2]},"who":"$author.name"}`, `{"_id":1,"n":1,"twice":2,"who":"Li"}`}, {`{"a.b":{"$add":["$n",1]}}`, `{"_id":1,"a":{"b":2}}`}, {`{"author.next":{"$add":["$author.age",1]},"author.name":1}`, `{"_id":1,"author":{"name":"Li","next":31}}`}, {`{"_id":0,"x":{"$literal":1}}`, `{"x":1}`}, {`{"tags":{"$slice":["$tags",1,1]}}`, `{"_id":1,"tags":["blue"]}`}, {`{"none":"$nothing"}`, `{"_id":1}`},
	} {
		p, err := query.ParseProjection(doc(t, c.projection))
		if err != nil {
			t.Errorf("%s: %v", c.projection, err)
			continue
		}
		got, err := p.Apply(doc(t, book))
		if err != nil || text(got) != c.want {
			t.Errorf("%s:\n got %s %v\nwant %s", c.projection, text(got), err, c.want)
		}
	}
}

func TestParseProjectionRefuses(t *testing.T) {
	for _, c := range []struct{ projection, reason, text string }{
		{`{"a":1,"b":0}`, "invalid_request", "'a'"}, {`{"a":{"b":1,"c":0}}`, "invalid_request", "'a.c'"}, {`{"a":1,"a.b":1}`, "invalid_request", "'a'"}, {`{"a.b":1,"a":1}`, "invalid_request", "'a'"}, {`{"a":{}}`, "invalid_request", "empty"}, {`{"a.$":1}`, "invalid_request", "positional"}, {`{"":1}`, "invalid_request", "''"}, {`{"a..b":1}`, "invalid_request", "'a..b'"}, {`{"$a":1}`, "invalid_request", "'$a'"},
		{`{"a":{"$slice":"x"}}`, "invalid_request", "$slice"}, {`{"a":{"$slice":[1,0]}}`, "invalid_request", "$slice"}, {`{"a":{"$elemMatch":1}}`, "invalid_request", "$elemMatch"}, {`{"a.b":{"$elemMatch":{"c":1}}}`, "invalid_request", "nested"}, {`{"a":{"$elemMatch":{"b":{"$foo":1}}}}`, "unknown_operator", "$foo"}, {`{"a":{"$meta":"textScore"}}`, "unknown_operator", "$meta"}, {`{"a":{"$foo":1}}`, "unknown_operator", "$foo"}, {`{"a":{"$add":"x"},"b":0}`, "invalid_request", "'b'"},
	} {
		_, err := query.ParseProjection(doc(t, c.projection))
		var e *yunduo.Error
		if !errors.As(err, &e) || string(e.Reason) != c.reason || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s: got %v, want %s with %q", c.projection, err, c.reason, c.text)
		}
	}
	p, err := query.ParseProjection(doc(t, `{"x":{"$divide":[1,"$n"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(doc(t, `{"n":0}`)); yunduo.ReasonOf(err) != yunduo.ReasonExpressionFailed {
		t.Error(err)
	}
}
