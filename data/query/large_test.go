package query_test

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/value"
)

// manyFields returns the content of an object with n fields of names that partly look like indexes.
func manyFields(n, v int) string {
	fields := make([]string, 0, n)
	for i := range n {
		fields = append(fields, fmt.Sprintf(`"%s":%d`, []string{fmt.Sprint(i), fmt.Sprintf("%da", i), fmt.Sprintf("k%d", i)}[i%3], v))
	}
	return strings.Join(fields, ",")
}

func TestUpdateOfManyFields(t *testing.T) {
	before := doc(t, `{`+manyFields(200, 1)+`,"1.5":7}`)
	after, _, err := update(t, `{"$inc":{`+manyFields(200, 10)+`},"$set":{"new":1}}`).Apply(before, query.ApplyContext{})
	if err != nil || text(after) != `{`+manyFields(200, 11)+`,"1.5":7,"new":1}` {
		t.Error(text(after), err)
	}
	if _, err := query.ParseUpdate(doc(t, `{"$inc":{`+manyFields(200, 1)+`},"$set":{"k50":1}}`)); yunduo.ReasonOf(err) != yunduo.ReasonInvalidUpdate {
		t.Errorf("a conflict among many fields: %v", err)
	}
	if _, err := query.ParseUpdate(doc(t, `{"$set":{"9":1,"10":1,"1a":1},"$unset":{"9":1}}`)); yunduo.ReasonOf(err) != yunduo.ReasonInvalidUpdate {
		t.Errorf("a conflict among mixed names: %v", err)
	}
}

func TestUpdateOfManyElements(t *testing.T) {
	list := strings.TrimSuffix(strings.Repeat("1,", 100), ",")
	var changes []string
	for i := range 100 {
		changes = append(changes, fmt.Sprintf(`"l.%d":1`, 99-i))
	}
	after, _, err := update(t, `{"$inc":{`+strings.Join(changes, ",")+`}}`).Apply(doc(t, `{"l":[`+list+`]}`), query.ApplyContext{})
	if err != nil || text(after) != `{"l":[`+strings.ReplaceAll(list, "1", "2")+`]}` {
		t.Error(text(after), err)
	}
}

func TestProjectionOfManyFields(t *testing.T) {
	all := doc(t, `{`+manyFields(200, 1)+`,"other":2}`)
	p, err := query.ParseProjection(doc(t, `{`+manyFields(200, 1)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Apply(all); err != nil || text(got) != `{`+manyFields(200, 1)+`}` {
		t.Error(text(got), err)
	}
}

func TestAddToSetOfManyValues(t *testing.T) {
	numbers := func(from, to int) bson.RawValue {
		var list []bson.RawValue
		for i := from; i < to; i++ {
			list = append(list, value.Int(int64(i)))
		}
		return value.ArrayOf(list...)
	}
	wrap := func(key string, v bson.RawValue) bson.RawValue {
		return value.Document(value.EndDocument(value.Append(value.BeginDocument(nil), key, v), 0))
	}
	u, err := query.ParseUpdate(wrap("$addToSet", wrap("l", wrap("$each", numbers(10_000, 30_000)))).Value)
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := u.Apply(wrap("l", numbers(0, 20_000)).Value, query.ApplyContext{})
	if err != nil || !value.Equal(value.Document(after), wrap("l", numbers(0, 30_000))) {
		t.Errorf("%d bytes, %v", len(after), err)
	}
}
