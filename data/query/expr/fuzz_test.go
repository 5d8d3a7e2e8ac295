package expr_test

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/expr"
)

// FuzzEval checks that whatever parses evaluates to a well-formed value or to an error of this language.
func FuzzEval(f *testing.F) {
	for _, text := range []string{
		`{"$add": ["$i", {"$size": "$a"}]}`, `{"$map": {"input": "$a", "as": "x", "in": {"$let": {"vars": {"y": "$$x"}, "in": "$$y.z"}}}}`,
		`{"$dateToString": {"date": "$at", "format": "%Y %G %z", "timezone": "Asia/Shanghai"}}`, `{"$dateFromString": {"dateString": "$s", "format": "%Y-%m-%d"}}`,
		`{"$substrBytes": ["$cn", 1, {"$strLenCP": "$s"}]}`, `{"$regexFindAll": {"input": "$s", "regex": "(a|b)*", "options": "ix"}}`,
		`{"$switch": {"branches": [{"case": {"$gt": ["$i", "$d"]}, "then": {"$convert": {"input": "$s", "to": "date", "onError": "$$ROOT"}}}], "default": "$$REMOVE"}}`,
		`{"$dateTrunc": {"date": "$at", "unit": "week", "binSize": 3, "startOfWeek": "fri"}}`, `{"$arrayToObject": {"$objectToArray": "$o"}}`,
		`{"$sortArray": {"input": "$docs", "sortBy": {"v": -1, "sub.n": 1}}}`, `{"$zip": {"inputs": ["$a", "$strs"], "useLongestLength": true, "defaults": [1, "$o"]}}`,
		`{"$setUnion": ["$a", {"$range": [0, 9, 2]}]}`, `{"$round": ["$dec", 1]}`, `{"$pow": ["$big", "$i"]}`, `{"$stdDevSamp": "$a"}`,
		`{"$slice": ["$a", -2, 1]}`, `{"$indexOfCP": ["$cn", "世", 1, 9]}`, `{"$dateAdd": {"startDate": "$oid", "unit": "quarter", "amount": "$neg"}}`,
		`{"$setField": {"field": "$literal", "input": {"$mergeObjects": ["$o", {"a": {"$rand": {}}}]}, "value": {"$toObjectId": "$oid"}}}`,
	} {
		raw, err := bson.Marshal(bson.D{{Key: "e", Value: parseValue(f, text)}, {Key: "doc", Value: parseValue(f, document)}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := bson.Raw(data)
		if raw.Validate() != nil {
			return
		}
		e, err := expr.Parse(raw.Lookup("e"))
		if err != nil {
			checkReason(t, err)
			return
		}
		doc := raw
		if v := raw.Lookup("doc"); v.Type == bson.TypeEmbeddedDocument {
			doc = v.Document()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		v, err := e.Eval(doc, expr.Vars{Now: now, Context: ctx})
		if err != nil {
			checkReason(t, err)
			return
		}
		if v.Type != 0 && v.Validate() != nil {
			t.Fatalf("the result is malformed: type %v, bytes %x", v.Type, v.Value)
		}
	})
}

func checkReason(t *testing.T, err error) {
	switch reason := yunduo.ReasonOf(err); reason {
	case invalid, unknown, failed, yunduo.ReasonQueryTooExpensive, yunduo.ReasonTimeout:
	default:
		t.Fatalf("reason %s: %v", reason, err)
	}
}
