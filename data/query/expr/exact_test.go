package expr_test

import "testing"

// Cases in which MongoDB's choice is not the obvious one.
func TestExactResults(t *testing.T) {
	run(t, []row{
		{`{"$ceil": {"$numberDecimal": "0.000001"}}`, `{"$numberDecimal": "1"}`, ""}, {`{"$floor": {"$numberDecimal": "-0.000001"}}`, `{"$numberDecimal": "-1"}`, ""},
		{`{"$floor": {"$numberDecimal": "0.000001"}}`, `{"$numberDecimal": "0"}`, ""}, {`{"$round": {"$numberDecimal": "0.6"}}`, `{"$numberDecimal": "1"}`, ""}, {`{"$round": {"$numberDecimal": "0.06"}}`, `{"$numberDecimal": "0"}`, ""}, {`{"$trunc": [{"$numberDecimal": "0.0006"}, 2]}`, `{"$numberDecimal": "0.00"}`, ""},
		{`{"$subtract": [{"$numberDouble": "10.2"}, {"$numberDecimal": "1232"}]}`, `{"$numberDecimal": "-1221.8000000000000"}`, ""}, {`{"$multiply": [{"$numberDouble": "10.2"}, {"$numberDecimal": "1232"}]}`, `{"$numberDecimal": "12566.4000000000000"}`, ""},
		{`{"$divide": [{"$numberDouble": "10.2"}, {"$numberDecimal": "1"}]}`, `{"$numberDecimal": "10.2000000000000"}`, ""}, {`{"$divide": [{"$numberDecimal": "1"}, 8]}`, `{"$numberDecimal": "0.125"}`, ""}, {`{"$divide": [{"$numberDecimal": "100"}, 2]}`, `{"$numberDecimal": "50"}`, ""}, {`{"$divide": [{"$numberDecimal": "1"}, 3]}`, `{"$numberDecimal": "0.3333333333333333333333333333333333"}`, ""},
		{`{"$toDecimal": {"$numberDouble": "0.1"}}`, `{"$numberDecimal": "0.100000000000000"}`, ""}, {`{"$toDecimal": {"$numberDouble": "0"}}`, `{"$numberDecimal": "0"}`, ""},
		{`{"$mod": [5, {"$numberDouble": "3"}]}`, `{"$numberInt": "2"}`, ""}, {`{"$mod": [{"$numberLong": "5"}, {"$numberDouble": "3"}]}`, `{"$numberLong": "2"}`, ""}, {`{"$mod": [5, {"$numberDouble": "2.5"}]}`, `{"$numberDouble": "0"}`, ""}, {`{"$mod": [{"$numberDecimal": "10"}, {"$numberDouble": "1.032"}]}`, `{"$numberDecimal": "0.71200000000000"}`, ""},
		{`{"$subtract": [{"$date": {"$numberLong": "0"}}, {"$numberDouble": "43200000.56"}]}`, `{"$date": {"$numberLong": "-43200000"}}`, ""}, {`{"$add": [{"$date": {"$numberLong": "0"}}, {"$numberDouble": "1.56"}]}`, `{"$date": {"$numberLong": "2"}}`, ""},
		{`{"$log": [{"$numberDecimal": "10"}, {"$numberDouble": "10"}]}`, `{"$numberDecimal": "1"}`, ""}, {`{"$log": [{"$numberDecimal": "10"}, 5]}`, `{"$numberDecimal": "1.430676558073393050670106568763966"}`, ""}, {`{"$log": [8, 2]}`, `{"$numberDouble": "3"}`, ""},
		{`{"$tsSecond": "$ts"}`, `{"$numberLong": "1700000000"}`, ""}, {`{"$tsIncrement": "$ts"}`, `{"$numberLong": "3"}`, ""}, {`{"$tsSecond": null}`, `null`, ""}, {`{"$tsSecond": "$at"}`, ``, failed},
		{`{"$dateTrunc": {"date": "$at", "unit": "second", "startOfWeek": null}}`, `{"$date": "2024-02-29T20:30:40Z"}`, ""}, {`{"$dateTrunc": {"date": "$at", "unit": "week", "startOfWeek": null}}`, `null`, ""}, {`{"$dateDiff": {"startDate": "$at", "endDate": "$at", "unit": "hour", "startOfWeek": 1}}`, `{"$numberLong": "0"}`, ""},
		{`{"$dateFromString": {"dateString": "week 1, 2018", "format": "week %V, %Y"}}`, ``, failed}, {`{"$dateFromString": {"dateString": "12/31/2018", "format": "%m/%d/%G"}}`, ``, failed}, {`{"$dateFromString": {"dateString": "day 6", "format": "day %V"}}`, ``, failed}, {`{"$dateFromString": {"dateString": "53.7.2017", "format": "%V.%u.%G"}}`, `{"$date": "2018-01-07T00:00:00Z"}`, ""},
		{`{"$getField": {"field": "a"}}`, ``, invalid}, {`{"$getField": {"field": "a", "input": "$o"}}`, `1`, ""},
		{`{"$median": {"input": "$a", "method": "approximate"}}`, `{"$numberDouble": "2"}`, ""}, {`{"$median": {"input": 5, "method": "approximate"}}`, `{"$numberDouble": "5"}`, ""}, {`{"$median": {"input": "$n", "method": "approximate"}}`, `null`, ""}, {`{"$median": {"input": ["x", 1, {"$numberDecimal": "4"}], "method": "approximate"}}`, `{"$numberDouble": "1"}`, ""},
		{`{"$percentile": {"input": [10, 20, 30, 40], "p": [0, 0.5, 0.51, 1], "method": "approximate"}}`, `[{"$numberDouble": "10"}, {"$numberDouble": "20"}, {"$numberDouble": "30"}, {"$numberDouble": "40"}]`, ""}, {`{"$percentile": {"input": null, "p": [0.95], "method": "approximate"}}`, `[null]`, ""},
		{`{"$percentile": {"input": "$a", "p": [1.5], "method": "approximate"}}`, ``, invalid}, {`{"$percentile": {"input": "$a", "p": [], "method": "approximate"}}`, ``, invalid}, {`{"$percentile": {"input": "$a", "p": "$a", "method": "approximate"}}`, ``, invalid}, {`{"$percentile": {"input": "$a", "p": [0.5], "method": "guess"}}`, ``, invalid}, {`{"$median": 1}`, ``, invalid},
	})
}
