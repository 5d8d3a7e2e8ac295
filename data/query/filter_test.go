package query_test

import (
	"errors"
	"strings"
	"testing"

	"yunduo"
	"yunduo/data/query"
)

// Documents that mini-program code typically has, and the ids a filter finds.
var books = []string{
	`{"_id":"a","title":"Alpha","n":1,"price":9.5,"tags":["red","blue"],"stock":[{"at":"x","qty":5},{"at":"y","qty":0}],"on":true,"author":{"name":"Li","age":30},"day":{"$date":"2024-01-01T00:00:00Z"}}`,
	`{"_id":"b","title":"beta","n":2,"price":20,"tags":["blue"],"stock":[{"at":"x","qty":0}],"on":false,"author":{"name":"Wang","age":41},"day":{"$date":"2024-02-01T00:00:00Z"}}`,
	`{"_id":"c","title":"Gamma","n":3,"price":20,"tags":[],"stock":[],"on":true,"author":{"name":"Li","age":25},"day":{"$date":"2024-03-01T00:00:00Z"},"note":null}`,
	`{"_id":"d","title":"delta","n":4,"price":35,"tags":["red","green","blue"],"stock":[{"at":"z","qty":9}],"on":false,"author":{"name":"Zhao"},"day":{"$date":"2024-04-01T00:00:00Z"},"note":"hi"}`,
	`{"_id":"e","title":"中文 beta","n":5,"price":50.25,"tags":["green"],"author":{"name":"Sun","age":60},"day":{"$date":"2024-05-01T00:00:00Z"},"mixed":"5"}`,
}

func TestFilterFindsBooks(t *testing.T) {
	for _, c := range []struct{ filter, ids string }{
		{`{"n":3}`, "c"}, {`{"n":{"$numberLong":"3"}}`, "c"}, {`{"n":3.0}`, "c"},
		{`{"price":20,"on":true}`, "c"},
		{`{}`, "abcde"},
		{`{"author.name":"Li"}`, "ac"},
		{`{"author":{"name":"Li","age":30}}`, "a"}, {`{"author":{"age":30,"name":"Li"}}`, ""},
		{`{"tags.0":"red"}`, "ad"},
		{`{"stock.qty":0}`, "ab"}, {`{"stock.0.qty":0}`, "b"},
		{`{"tags":"blue"}`, "abd"},
		{`{"on":true}`, "ac"},
		{`{"note":null}`, "abce"},
		{`{"day":{"$date":"2024-03-01T00:00:00Z"}}`, "c"},
		{`{"mixed":5}`, ""},
		{`{"n":{"$eq":2}}`, "b"},
		{`{"tags":{"$eq":["blue"]}}`, "b"}, {`{"tags":["blue","red"]}`, ""},
		{`{"mixed":{"$ne":"5"}}`, "abcd"},
		{`{"n":{"$lt":3}}`, "ab"}, {`{"n":{"$lte":3}}`, "abc"}, {`{"n":{"$gt":3}}`, "de"}, {`{"price":{"$gte":20}}`, "bcde"},
		{`{"day":{"$gt":{"$date":"2024-03-15T00:00:00Z"}}}`, "de"},
		{`{"mixed":{"$gt":1}}`, ""},
		{`{"$and":[{"n":{"$gt":1}},{"n":{"$lt":4}}]}`, "bc"}, {`{"n":{"$gt":1,"$lt":4}}`, "bc"},
		{`{"$or":[{"n":{"$lt":2}},{"n":{"$gt":4}}]}`, "ae"}, {`{"$or":[{"n":1}]}`, "a"},
		{`{"on":true,"$or":[{"n":1},{"n":3},{"n":4}]}`, "ac"},
		{`{"$nor":[{"n":{"$eq":1}},{"n":{"$eq":2}}]}`, "cde"},
		{`{"n":{"$not":{"$gt":2}}}`, "ab"}, {`{"title":{"$not":{"$regularExpression":{"pattern":"a","options":""}}}}`, ""},
		{`{"n":{"$in":[2,4,99]}}`, "bd"}, {`{"tags":{"$in":["red","none"]}}`, "ad"}, {`{"n":{"$in":[]}}`, ""}, {`{"note":{"$in":[null,"hi"]}}`, "abcde"},
		{`{"n":{"$nin":[1,2]}}`, "cde"}, {`{"mixed":{"$nin":["x"]}}`, "abcde"}, {`{"n":{"$nin":[]}}`, "abcde"},
		{`{"title":{"$in":["Gamma",{"$regularExpression":{"pattern":"^b","options":""}}]}}`, "bc"},
		{`{"note":{"$exists":true}}`, "cd"}, {`{"note":{"$exists":false}}`, "abe"}, {`{"note":{"$exists":1}}`, "cd"}, {`{"note":{"$exists":0}}`, "abe"},
		{`{"tags":{"$size":1}}`, "be"}, {`{"tags":{"$size":0}}`, "c"}, {`{"tags":{"$size":1.0}}`, "be"},
		{`{"tags":{"$all":["blue","red"]}}`, "ad"}, {`{"tags":{"$all":["blue"]}}`, "abd"}, {`{"tags":{"$all":[]}}`, ""}, {`{"tags":{"$all":[["blue"]]}}`, "b"}, {`{"n":{"$all":[1]}}`, "a"},
		{`{"stock":{"$all":[{"$elemMatch":{"at":"x"}},{"$elemMatch":{"qty":0}}]}}`, "ab"}, {`{"stock":{"$all":[{"$elemMatch":{"at":"x","qty":0}}]}}`, "b"},
		{`{"stock":{"$elemMatch":{"at":"x","qty":{"$gt":0}}}}`, "a"}, {`{"stock.at":"x","stock.qty":0}`, "ab"}, {`{"stock":{"$elemMatch":{"$or":[{"qty":9},{"qty":5}]}}}`, "ad"},
		{`{"tags":{"$elemMatch":{"$eq":"green"}}}`, "de"}, {`{"tags":{"$elemMatch":{"$gt":"c","$lt":"h"}}}`, "de"}, {`{"tags":{"$elemMatch":{"$ne":"blue"}}}`, "ade"}, {`{"tags":{"$elemMatch":{"$not":{"$in":["blue","red"]}}}}`, "de"},
		{`{"$jsonSchema":{"required":["note"],"properties":{"note":{"bsonType":"string"}}}}`, "d"}, {`{"$nor":[{"$jsonSchema":{"properties":{"n":{"minimum":3}}}}]}`, "ab"}, {`{"stock":{"$elemMatch":{"$jsonSchema":{"properties":{"qty":{"minimum":6}}}}}}`, "d"},
		{`{"n":{"$mod":[2,1]}}`, "ace"}, {`{"price":{"$mod":[3,0]}}`, "a"},
		{`{"$expr":{"$gt":["$price",{"$multiply":["$n",9]}]}}`, "abe"},
		{`{"title":{"$regularExpression":{"pattern":"^beta","options":""}}}`, "b"}, {`{"title":{"$regex":"ALPHA|delta","$options":"i"}}`, "ad"}, {`{"title":{"$options":"i","$regex":"gam"}}`, "c"},
		{`{"title":{"$regularExpression":{"pattern":"beta$","options":""}}}`, "be"}, {`{"title":{"$regularExpression":{"pattern":"a$","options":"i"}}}`, "abcde"}, {`{"title":{"$regex":"中文"}}`, "e"}, {`{"tags":{"$regex":"^gr"}}`, "de"},
		{`{"title":{"$regex":{"$regularExpression":{"pattern":"^B","options":"i"}}}}`, "b"}, {`{"n":{"$regex":"1"}}`, ""}, {`{"title":{"$regex":"a","$ne":"beta"}}`, "acde"},
		{`{"$and":[{"note":{"$exists":true}},{"n":{"$lt":4}}]}`, "c"},
		{`{"note":{"$type":"string"}}`, "d"}, {`{"note":{"$type":10}}`, "c"}, {`{"tags":{"$type":"array"}}`, "abcde"}, {`{"tags":{"$type":"string"}}`, "abde"}, {`{"price":{"$type":["int","double"]}}`, "abcde"}, {`{"price":{"$type":"number"}}`, "abcde"}, {`{"price":{"$type":"int"}}`, "bcd"}, {`{"day":{"$type":9}}`, "abcde"},
		{`{"n":{"$bitsAllSet":5}}`, "e"}, {`{"n":{"$bitsAnySet":[0,1]}}`, "abce"}, {`{"n":{"$bitsAllClear":1}}`, "bd"}, {`{"n":{"$bitsAnyClear":{"$binary":{"base64":"Aw==","subType":"00"}}}}`, "abde"},
		{`{"_id":{"$gte":"b","$lt":"d"}}`, "bc"}, {`{"$comment":"why","n":1}`, "a"}, {`{"on":{"$gt":false}}`, "ac"},
	} {
		f := filter(t, c.filter)
		found := ""
		for i, book := range books {
			if matches(t, f, doc(t, book)) {
				found += string(rune('a' + i))
			}
		}
		if found != c.ids {
			t.Errorf("%s found %q, want %q", c.filter, found, c.ids)
		}
	}
}

// Cases at the edges of the language; the documents before | match, those after do not.
func TestFilterEdges(t *testing.T) {
	for _, c := range []struct{ filter, matching, others string }{
		{`{"a":null}`, `{} {"a":null} {"a":[null]} {"a":[1,null]} {"a":{"$undefined":true}}`, `{"a":[]} {"a":0} {"a":""} {"a":{}} {"a":[[null]]}`},
		{`{"a.b":null}`, `{} {"a":{}} {"a":5} {"a":null} {"a":{"b":null}} {"a":[{"b":1},{}]}`, `{"a":{"b":1}} {"a":[]} {"a":[1,2]} {"a":[{"b":1}]}`},
		{`{"a.b":{"$exists":false}}`, `{} {"a":{}} {"a":5} {"a":[]} {"a":[1,2]}`, `{"a":{"b":null}} {"a":[{"b":1},{}]}`},
		{`{"a":{"$ne":null}}`, `{"a":1} {"a":[]} {"a":[1]}`, `{} {"a":null} {"a":[null,1]}`},
		{`{"a":{"$gte":null}}`, `{} {"a":null}`, `{"a":1} {"a":{"$minKey":1}}`},
		{`{"a":{"$gt":null}}`, ``, `{} {"a":null} {"a":1}`},
		{`{"a":{"$in":[null]}}`, `{} {"a":null} {"a":[null]}`, `{"a":1} {"a":[]}`},
		{`{"a":{"$numberDouble":"NaN"}}`, `{"a":{"$numberDouble":"NaN"}} {"a":{"$numberDecimal":"NaN"}} {"a":[{"$numberDouble":"NaN"}]}`, `{"a":1} {} {"a":null}`},
		{`{"a":{"$lt":5}}`, `{"a":4} {"a":{"$numberDouble":"-Infinity"}} {"a":[9,1]} {"a":{"$numberDecimal":"4.99"}} {"a":{"$numberLong":"-9223372036854775808"}}`, `{"a":5} {"a":{"$numberDouble":"NaN"}} {"a":"1"} {} {"a":null} {"a":[9,6]} {"a":{"$date":0}}`},
		{`{"a":{"$lte":{"$numberDouble":"NaN"}}}`, `{"a":{"$numberDouble":"NaN"}}`, `{"a":1}`},
		{`{"a":{"$gt":{"$minKey":1}}}`, `{"a":1} {} {"a":"x"}`, `{"a":{"$minKey":1}}`},
		{`{"a":{"$lte":{"$maxKey":1}}}`, `{"a":1} {} {"a":{"$maxKey":1}}`, ``},
		{`{"a":{"$minKey":1}}`, `{"a":{"$minKey":1}}`, `{"a":{"$maxKey":1}} {"a":1}`},
		{`{"a":[1,2]}`, `{"a":[1,2]} {"a":[[1,2]]} {"a":[1.0,{"$numberLong":"2"}]}`, `{"a":[1]} {"a":[2,1]} {"a":[1,2,3]} {"a":1} {"a":[[[1,2]]]}`},
		{`{"a":[]}`, `{"a":[]} {"a":[[]]}`, `{} {"a":[1]} {"a":null}`},
		{`{"a":{}}`, `{"a":{}} {"a":[{}]}`, `{} {"a":[]} {"a":{"b":1}}`},
		{`{"a":{"$gt":[1]}}`, `{"a":[2]} {"a":[1,0]} {"a":[[2]]}`, `{"a":[1]} {"a":[0,5]} {"a":5}`},
		{`{"a":{"$gt":{"b":1}}}`, `{"a":{"b":2}} {"a":{"c":0}} {"a":{"b":1,"c":0}}`, `{"a":{"b":1}} {"a":{"a":5}} {"a":5}`},
		{`{"a.0":1}`, `{"a":[1]} {"a":{"0":1}} {"a":[{"0":1}]}`, `{"a":1} {"a":[2,1]} {"a":[[1]]}`},
		{`{"a.0.b":1}`, `{"a":[{"b":1}]} {"a":[{"0":{"b":1}}]} {"a":[[{"b":1}]]} {"a":{"0":[{"b":1}]}}`, `{"a":[{},{"b":1}]} {"a":[[[{"b":1}]]]}`},
		{`{"a.b.c":1}`, `{"a":{"b":{"c":1}}} {"a":[{"b":[{"c":1}]}]} {"a":[{"b":{"c":[1]}}]}`, `{"a":[[{"b":{"c":1}}]]} {"a":{"b.c":1}}`},
		{`{"a":{"$size":1}}`, `{"a":[1]} {"a":[[]]} {"a":[[1,2]]}`, `{"a":[]} {"a":1} {} {"a":{"length":1}}`},
		{`{"a.b":{"$size":1}}`, `{"a":[{"b":[1]}]} {"a":[{"b":[]},{"b":[1]}]}`, `{"a":[{"b":1}]}`},
		{`{"a":{"$elemMatch":{"$gt":1,"$lt":5}}}`, `{"a":[0,3]}`, `{"a":[0,9]} {"a":3} {"a":[[3]]}`},
		{`{"a":{"$gt":1,"$lt":5}}`, `{"a":[0,3]} {"a":[0,9]} {"a":3}`, `{"a":[0,1]} {"a":[]}`},
		{`{"a":{"$elemMatch":{"$elemMatch":{"$gt":1}}}}`, `{"a":[[0],[2]]}`, `{"a":[2]} {"a":[[0]]}`},
		{`{"a":{"$elemMatch":{}}}`, `{"a":[{}]} {"a":[[]]} {"a":[1,{"b":1}]}`, `{"a":[]} {"a":[1]} {"a":{}}`},
		{`{"a":{"$elemMatch":{"0":1}}}`, `{"a":[[1]]} {"a":[{"0":1}]}`, `{"a":[1]}`},
		{`{"a":{"$elemMatch":{"b":null}}}`, `{"a":[{}]} {"a":[{"b":null}]}`, `{"a":[{"b":1}]} {"a":[1]} {"a":[]}`},
		{`{"a.b":{"$elemMatch":{"c":1}}}`, `{"a":[{"b":[{"c":1}]}]} {"a":{"b":[{"c":1}]}}`, `{"a":{"b":{"c":1}}}`},
		{`{"a":{"$not":{"$elemMatch":{"b":1}}}}`, `{} {"a":[]} {"a":[{"b":2}]}`, `{"a":[{"b":2},{"b":1}]}`},
		{`{"a":{"$nin":[1,null]}}`, `{"a":2} {"a":[]}`, `{} {"a":null} {"a":[1]}`},
		{`{"a":{"$mod":[4,-1]}}`, `{"a":-5} {"a":-1}`, `{"a":3} {"a":"3"}`},
		{`{"a":{"$mod":[4,0]}}`, `{"a":4} {"a":8.9} {"a":0} {"a":-4} {"a":{"$numberDecimal":"8.9"}} {"a":[1,8]}`, `{"a":6} {"a":{"$numberDouble":"NaN"}} {"a":1e300} {"a":{"$numberDouble":"Infinity"}} {"a":null}`},
		{`{"a":{"$mod":[{"$numberLong":"-1"},0]}}`, `{"a":{"$numberLong":"-9223372036854775808"}} {"a":7}`, ``},
		{`{"a":{"$bitsAllSet":[63,200]}}`, `{"a":-1} {"a":{"$numberLong":"-9223372036854775808"}}`, `{"a":1} {"a":{"$numberLong":"9223372036854775807"}} {"a":1.5} {"a":"x"}`},
		{`{"a":{"$bitsAllSet":[0,9]}}`, `{"a":513} {"a":513.0} {"a":{"$binary":{"base64":"AQI=","subType":"00"}}}`, `{"a":512} {"a":{"$binary":{"base64":"AQ==","subType":"00"}}}`},
		{`{"a":{"$bitsAllClear":0}}`, `{"a":1} {"a":{"$binary":{"base64":"AQ==","subType":"00"}}}`, `{"a":"x"}`},
		{`{"a":{"$type":"object"}}`, `{"a":{}} {"a":[{}]}`, `{"a":[]} {"a":1}`},
		{`{"a":{"$type":-1}}`, `{"a":{"$minKey":1}}`, `{"a":{"$maxKey":1}}`},
		{`{"a":{"$eq":{"$regularExpression":{"pattern":"x","options":""}}}}`, `{"a":{"$regularExpression":{"pattern":"x","options":""}}}`, `{"a":"x"}`},
		{`{"a":{"$regularExpression":{"pattern":"x","options":""}}}`, `{"a":{"$regularExpression":{"pattern":"x","options":""}}} {"a":"axa"} {"a":{"$symbol":"x"}}`, `{"a":{"$regularExpression":{"pattern":"x","options":"i"}}} {"a":{"x":1}}`},
		{`{"a":{"$ref":"c","$id":1}}`, `{"a":{"$ref":"c","$id":1}}`, `{"a":{"$ref":"c"}}`},
		{`{"a":{"b":1,"$gt":2}}`, `{"a":{"b":1,"$gt":2}}`, `{"a":3}`},
		{`{"":1}`, `{"":1}`, `{"a":1}`},
		{`{"a":{"$in":[[1,2],{"b":1}]}}`, `{"a":[1,2]} {"a":{"b":1}} {"a":[{"b":1}]}`, `{"a":1}`},
		{`{"$nor":[{"a":1},{"b":1}]}`, `{} {"a":2}`, `{"a":1} {"b":1}`},
		{`{"a":{"$numberDecimal":"0.1"}}`, `{"a":{"$numberDecimal":"0.10"}}`, `{"a":0.1}`},
	} {
		f := filter(t, c.filter)
		for _, d := range strings.Fields(c.matching) {
			if !matches(t, f, doc(t, d)) {
				t.Errorf("%s does not match %s", c.filter, d)
			}
		}
		for _, d := range strings.Fields(c.others) {
			if matches(t, f, doc(t, d)) {
				t.Errorf("%s matches %s", c.filter, d)
			}
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, c := range []struct{ filter, reason, text string }{
		{`{"$where":"1"}`, "unknown_operator", "$where"}, {`{"$text":{"$search":"x"}}`, "unknown_operator", "$text"}, {`{"$jsonSchema":{"nonsense":1}}`, "invalid_filter", "nonsense"}, {`{"$jsonSchema":5}`, "invalid_filter", "$jsonSchema"}, {`{"a":{"$foo":1}}`, "unknown_operator", "$foo"}, {`{"$foo":1}`, "unknown_operator", "$foo"},
		{`{"a":{"$gt":1,"b":2}}`, "unknown_operator", " b"}, {`{"$expr":{"$function":{}}}`, "unknown_operator", "$function"}, {`{"a":{"$not":{"$foo":1}}}`, "unknown_operator", "$foo"},
		{`{"$and":[]}`, "invalid_filter", "$and"}, {`{"$or":{}}`, "invalid_filter", "$or"}, {`{"$nor":[1]}`, "invalid_filter", "$nor"}, {`{"a":{"$in":1}}`, "invalid_filter", "'a'"}, {`{"a":{"$nin":{"b":1}}}`, "invalid_filter", "$nin"}, {`{"a":{"$in":[{"$gt":1}]}}`, "invalid_filter", "$in"},
		{`{"a":{"$not":5}}`, "invalid_filter", "$not"}, {`{"a":{"$not":{}}}`, "invalid_filter", "$not"}, {`{"a":{"$not":{"b":1}}}`, "invalid_filter", "$not"}, {`{"a":{"$size":-1}}`, "invalid_filter", "$size"}, {`{"a":{"$size":1.5}}`, "invalid_filter", "$size"}, {`{"a":{"$size":"1"}}`, "invalid_filter", "$size"},
		{`{"a":{"$mod":[1]}}`, "invalid_filter", "$mod"}, {`{"a":{"$mod":[0,1]}}`, "invalid_filter", "$mod"}, {`{"a":{"$mod":["a",1]}}`, "invalid_filter", "$mod"}, {`{"a":{"$mod":[0.5,1]}}`, "invalid_filter", "$mod"}, {`{"a":{"$mod":5}}`, "invalid_filter", "$mod"},
		{`{"a":{"$regex":"("}}`, "invalid_filter", "'a'"}, {`{"a":{"$regex":5}}`, "invalid_filter", "$regex"}, {`{"a":{"$regex":"a","$options":"q"}}`, "invalid_filter", "'q'"}, {`{"a":{"$options":"i"}}`, "invalid_filter", "$options"}, {`{"a":{"$regex":"a\u0000"}}`, "invalid_filter", "zero byte"}, {`{"a":{"$regex":"(?=a)"}}`, "invalid_filter", "'a'"},
		{`{"a":{"$ne":{"$regularExpression":{"pattern":"x","options":""}}}}`, "invalid_filter", "$ne"}, {`{"a":{"$gt":{"$regularExpression":{"pattern":"x","options":""}}}}`, "invalid_filter", "$gt"}, {`{"a":{"$undefined":true}}`, "invalid_filter", "undefined"},
		{`{"a":{"$all":1}}`, "invalid_filter", "$all"}, {`{"a":{"$all":[{"$gt":1}]}}`, "invalid_filter", "$all"}, {`{"a":{"$all":[1,{"$elemMatch":{"b":1}}]}}`, "invalid_filter", "$all"}, {`{"a":{"$elemMatch":1}}`, "invalid_filter", "$elemMatch"}, {`{"a":{"$elemMatch":{"$expr":true}}}`, "invalid_filter", "$expr"},
		{`{"a":{"$type":"text"}}`, "invalid_filter", "text"}, {`{"a":{"$type":0}}`, "invalid_filter", "$type"}, {`{"a":{"$type":[]}}`, "invalid_filter", "$type"}, {`{"a":{"$type":99}}`, "invalid_filter", "$type"}, {`{"a":{"$bitsAllSet":-1}}`, "invalid_filter", "$bitsAllSet"}, {`{"a":{"$bitsAllSet":[-1]}}`, "invalid_filter", "$bitsAllSet"}, {`{"a":{"$bitsAnySet":"x"}}`, "invalid_filter", "$bitsAnySet"},
	} {
		_, err := query.ParseFilter(doc(t, c.filter))
		var e *yunduo.Error
		if !errors.As(err, &e) || string(e.Reason) != c.reason || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s: got %v, want %s with %q", c.filter, err, c.reason, c.text)
		}
	}
	if _, err := query.ParseFilter([]byte{9, 0, 0, 0, 2, 'a', 0, 1, 0}); yunduo.ReasonOf(err) != yunduo.ReasonInvalidFilter {
		t.Error("malformed bytes:", err)
	}
}

func TestAnd(t *testing.T) {
	if query.And() != nil || query.And(nil, nil) != nil {
		t.Error("nothing to join matches everything")
	}
	one := filter(t, `{"a":1}`)
	if query.And(nil, one) != one {
		t.Error("one filter stays as it is")
	}
	both := query.And(one, filter(t, `{"b":{"$gt":1}}`))
	if got := text(both.Raw()); got != `{"$and":[{"a":1},{"b":{"$gt":1}}]}` {
		t.Error(got)
	}
	if !matches(t, both, doc(t, `{"a":1,"b":2}`)) || matches(t, both, doc(t, `{"a":1,"b":1}`)) || matches(t, both, doc(t, `{"a":0,"b":2}`)) {
		t.Error("both conditions must hold")
	}
	var none *query.Filter
	if !matches(t, none, doc(t, `{}`)) || text(none.Raw()) != "{}" {
		t.Error("nil matches everything")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	book := doc(t, books[0])
	for _, text := range []string{`{"n":1,"on":true}`, `{"tags":"blue"}`, `{"stock.qty":{"$gt":1}}`, `{"n":{"$in":[1,2,3]}}`, `{"$or":[{"n":5},{"author.name":"Li"}]}`, `{"stock":{"$elemMatch":{"at":"x","qty":{"$gte":5}}}}`, `{"title":{"$regex":"^Al"}}`} {
		f := filter(t, text)
		if n := testing.AllocsPerRun(100, func() {
			if !matches(t, f, book) {
				t.Fatal(text)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations per match", text, n)
		}
	}
}

func TestFilterFails(t *testing.T) {
	for _, c := range []struct {
		filter, failing, others string
		code                    int
	}{
		{`{"$expr":{"$divide":[1,"$a"]}}`, `{"a":0}`, `{"a":1} {}`, 2},
		{`{"$expr":{"$toInt":"$a"},"b":1}`, `{"a":"x","b":1}`, `{"a":"x"} {"a":"5","b":1} {"a":"x","b":2}`, 241},
		{`{"$nor":[{"$or":[{"$expr":{"$divide":[1,"$a"]}},{"b":1}]}]}`, `{"a":0}`, `{"a":0,"b":1} {"a":2}`, 2},
	} {
		f := filter(t, c.filter)
		if f.Failed() != nil {
			t.Errorf("%s fails on every document: %v", c.filter, f.Failed())
		}
		for _, d := range strings.Fields(c.failing) {
			if ok, err := f.Match(doc(t, d)); ok || yunduo.ReasonOf(err) != yunduo.ReasonExpressionFailed || yunduo.AsError(err).MongoCode() != c.code {
				t.Errorf("%s on %s: %v, %v", c.filter, d, ok, err)
			}
		}
		for _, d := range strings.Fields(c.others) {
			matches(t, f, doc(t, d))
		}
	}
	if err := filter(t, `{"a":1,"$expr":{"$divide":[1,0]}}`).Failed(); yunduo.ReasonOf(err) != yunduo.ReasonExpressionFailed {
		t.Errorf("what fails whatever the document is: %v", err)
	}
}

// A filter that is narrowed, as by a security rule, is not computed for what it may not see.
func TestNarrowedFilterIsNotComputedForOthers(t *testing.T) {
	probe := filter(t, `{"$or":[{"$expr":{"$divide":[1,"$secret"]}},{"a":1}]}`)
	for _, rule := range []string{`{"owner":"me"}`, `{"$expr":{"$eq":["$owner","me"]}}`} {
		narrowed := query.And(probe, filter(t, rule))
		if matches(t, narrowed, doc(t, `{"owner":"you","secret":0}`)) {
			t.Errorf("%s shows what is another's", rule)
		}
		if _, err := narrowed.Match(doc(t, `{"owner":"me","secret":0}`)); err == nil {
			t.Errorf("%s: one's own is computed", rule)
		}
		again, err := query.ParseFilter(narrowed.Raw()) // as an engine on another server reads it
		if err != nil || matches(t, again, doc(t, `{"owner":"you","secret":0}`)) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
