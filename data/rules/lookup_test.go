package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/rules"
)

// shelf answers get() and counts what is asked for.
type shelf struct {
	docs  map[string]bson.D
	asked []string
	err   error
}

func (s *shelf) Get(collection, id string) (bson.Raw, error) {
	s.asked = append(s.asked, collection+"/"+id)
	doc, ok := s.docs[collection+"/"+id]
	if !ok || s.err != nil {
		return nil, s.err
	}
	return bson.Marshal(doc)
}

func TestGet(t *testing.T) {
	books := &shelf{docs: map[string]bson.D{
		"users/li":      {{Key: "role", Value: "boss"}, {Key: "level", Value: int32(3)}, {Key: "open", Value: true}, {Key: "nil", Value: nil}},
		"settings/team": {{Key: "admins", Value: bson.A{"li", "chen"}}, {Key: "owner", Value: bson.D{{Key: "id", Value: "li"}}}, {Key: "shop", Value: "north"}},
		"users/a.b":     {{Key: "role", Value: "dotted"}},
	}}
	north := bson.D{{Key: "shop", Value: "north"}, {Key: "level", Value: int64(3)}}
	for rule, want := range map[string]bool{
		"get(`database.users.${auth.openid}`).role == 'boss'":               true,
		"get(`database.users.${auth.openid}`).role == 'clerk'":              false,
		"get(`database.users.${auth.openid}`).role != 'clerk'":              true,
		"get(`database.users.${auth.unionid}`).role != null":                false,
		"get('database.users.li').level >= 3":                               true,
		"get('database.users.li').level > 3":                                false,
		"get('database.users.li').open":                                     true,
		"get('database.users.li').role":                                     false, // not a condition that holds: a text
		"get('database.users.li') != null":                                  true,
		"get('database.users.wang') == null":                                true,
		"get('database.users.wang').role == 'boss'":                         false,
		"get('database.users.li').nil == null":                              true,
		"get('database.none.x').y.z == null":                                true,
		"get('database.users.a.b').role == 'dotted'":                        true,
		"auth.openid in get('database.settings.team').admins":               true,
		"'wang' in get('database.settings.team').admins":                    false,
		"'li' in get('database.settings.team').shop":                        false,
		"auth.openid == get('database.settings.team').owner.id":             true,
		"doc.shop == get('database.settings.team').shop":                    true,
		"doc.level < get('database.users.li').level":                        false,
		"doc.shop in get('database.settings.team').admins":                  false,
		"doc.shop != get('database.settings.team').missing":                 true,
		"doc.shop == get('database.settings.team').missing":                 false,
		"!(get('database.users.li').open) || doc.shop == 'north'":           true,
		"get('database.users.li').open && get('database.users.li').open":    true,
		"auth.loginType == 'WECHAT' && auth.loginType != 'ANONYMOUS'":       true,
		"get( `database.users.${ auth.openid }` ).role in ['boss','owner']": true,
	} {
		text, err := rulesJSON(rule)
		require.NoError(t, err)
		r, err := rules.Parse(text)
		require.NoError(t, err, rule)
		caller := li
		caller.Lookup = books
		d, err := r.Decide(rules.Read, caller)
		require.NoError(t, err, rule)
		raw, err := bson.Marshal(north)
		require.NoError(t, err)
		require.Equal(t, want, d.Allows(raw), rule)
	}
}

func rulesJSON(rule string) (string, error) {
	text, err := bson.MarshalExtJSON(bson.D{{Key: "read", Value: rule}}, false, false)
	return string(text), err
}

func TestGet_Refused(t *testing.T) {
	for rule, why := range map[string]string{
		"get()":                                 "needs 'database",
		"get('users.li').role == 'x'":           "database.COLLECTION.ID",
		"get('database.users').role == 'x'":     "database.COLLECTION.ID",
		"get('database._secret.li').a == 1":     "reserved",
		"get('database.users.li')":              "neither true nor false",
		"get('database.users.li') == 'x'":       "only be compared with null",
		"get('database.users.li') > null":       "== and !=",
		"'x' in get('database.users.li')":       "needs a list",
		"get(`database.users.${doc.x}`).a":      "${...}",
		"get(`database.users.${auth.openid`).a": "${...}",
		"get(`database.${auth.openid}.a`).a":    "database.COLLECTION.ID",
		"get(doc.x).a == 1":                     "needs a text",
		"get('database.a.b').c == 1 || get('database.a.b').c == 2 || get('database.a.b').c == 3 || get('database.a.b').c == 4": "3 get()",
		"resource.openid == auth.openid": "unknown here",
	} {
		text, err := rulesJSON(strings.ReplaceAll(rule, "get() ", "get()"))
		require.NoError(t, err)
		_, err = rules.Parse(text)
		require.Equal(t, yunduo.ReasonInvalidRules, yunduo.ReasonOf(err), rule)
		if rule != "get()" {
			require.ErrorContains(t, err, why, rule)
		}
	}
}

// A look-up that fails refuses; it never counts as a missing document, which a rule may ask for.
func TestGet_FailureIsNoAnswer(t *testing.T) {
	r, err := rules.Parse(`{"read": "get('database.bans.x') == null"}`)
	require.NoError(t, err)
	broken := &shelf{err: errors.New("disk")}
	_, err = r.Decide(rules.Read, rules.Auth{OpenID: "li", Lookup: broken})
	require.ErrorContains(t, err, "disk")
}

// A part of an expression that does not count is not looked up.
func TestGet_OnlyWhatCounts(t *testing.T) {
	r, err := rules.Parse(`{"read": "auth.anonymous || get('database.users.li').open"}`)
	require.NoError(t, err)
	books := &shelf{}
	_, err = r.Decide(rules.Read, rules.Auth{Anonymous: true, Lookup: books})
	require.NoError(t, err)
	require.Empty(t, books.asked)
}

func TestFiles(t *testing.T) {
	file := func(owner string) bson.Raw {
		raw, err := bson.Marshal(bson.D{{Key: "openid", Value: owner}, {Key: "path", Value: "a/b.png"}, {Key: "size", Value: int64(10)}, {Key: "type", Value: "image/png"}})
		require.NoError(t, err)
		return raw
	}
	for text, want := range map[string][2]bool{ // of one's own file, of another's
		"private": {true, false}, "readonly": {true, true}, "adminonly": {false, false},
		`{"read":"resource.openid == auth.uid"}`:                           {true, false},
		`{"read":"resource.openid == auth.openid || resource.size > 100"}`: {true, false},
		`{"read":"resource.size <= 10 && resource.type == 'image/png'"}`:   {true, true},
		`{"read":"auth.uid == 'u1'"}`:                                      {true, true},
		`{"write":true}`:                                                   {false, false},
	} {
		r, err := rules.ParseFor(rules.Files, text)
		require.NoError(t, err, text)
		d, err := r.Decide(rules.Read, li)
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{d.Allows(file("li")), d.Allows(file("wang"))}, text)
	}
	for _, wrong := range []string{`{"read":"doc.x == 1"}`, `{"read":"resource.secret == 1"}`, `{"read":"resource.openid.x == 1"}`, `{"read":true,"strict":true}`, `nonsense`} {
		_, err := rules.ParseFor(rules.Files, wrong)
		require.Equal(t, yunduo.ReasonInvalidRules, yunduo.ReasonOf(err), wrong)
	}
}

func TestFunctions(t *testing.T) {
	f, err := rules.ParseFunctions(`{"*":{"invoke":"auth != null"},"refund":{"invoke":"auth.loginType != 'ANONYMOUS'"},"internal":{"invoke":false},"open":{"invoke":true}}`)
	require.NoError(t, err)
	for name, want := range map[string][3]bool{ // li, a guest, nobody
		"other": {true, true, false}, "refund": {true, false, true}, "internal": {false, false, false}, "open": {true, true, true},
	} {
		for i, who := range []rules.Auth{li, guest, nobody} {
			may, err := f.MayInvoke(name, who)
			require.NoError(t, err)
			require.Equal(t, want[i], may, "%s %d", name, i)
		}
	}
	none, err := rules.ParseFunctions(`{"a":{"invoke":true}}`)
	require.NoError(t, err)
	may, err := none.MayInvoke("b", li)
	require.NoError(t, err)
	require.False(t, may)
	for _, wrong := range []string{``, `[]`, `{"a":true}`, `{"a":null}`, `{"a":{"invoke":"doc.x == 1"}}`, `{"a":{"call":true}}`, `{"a":{"invoke":3}}`, `{"a":{"invoke":true}} x`} {
		_, err := rules.ParseFunctions(wrong)
		require.Equal(t, yunduo.ReasonInvalidRules, yunduo.ReasonOf(err), wrong)
	}
	_, err = rules.ParseFunctions(rules.DefaultFunctions)
	require.NoError(t, err)
}

func TestCovers(t *testing.T) {
	for _, row := range []struct {
		rule, asked string
		want        bool
	}{
		{`doc._openid == auth.openid`, `{"_openid":"li"}`, true},
		{`doc._openid == auth.openid`, `{"_openid":"li","x":1}`, true},
		{`doc._openid == auth.openid`, `{"$and":[{"x":1},{"_openid":{"$eq":"li"}}]}`, true},
		{`doc._openid == auth.openid`, `{"_openid":{"$in":["li"]}}`, true},
		{`doc._openid == auth.openid`, `{}`, false},
		{`doc._openid == auth.openid`, `{"_id":"a"}`, false},
		{`doc._openid == auth.openid`, `{"_openid":"wang"}`, false},
		{`doc._openid == auth.openid`, `{"_openid":{"$in":["li","wang"]}}`, false},
		{`doc._openid == auth.openid`, `{"_openid":{"$ne":"wang"}}`, false},
		{`doc._openid == auth.openid`, `{"$or":[{"_openid":"li"},{"x":1}]}`, false},
		{`doc._openid == auth.openid`, `{"_openid":{"$regex":"^li$"}}`, false},
		{`doc._openid == auth.openid`, `{"_openid":["li"]}`, false},
		{`doc.public || doc._openid == auth.openid`, `{"public":true}`, true},
		{`doc.public || doc._openid == auth.openid`, `{"public":{"$ne":false}}`, false},
		{`doc.n < 5`, `{"n":3}`, true},
		{`doc.n < 5`, `{"n":{"$lt":5}}`, true},
		{`doc.n < 5`, `{"n":{"$lt":4.5}}`, true},
		{`doc.n < 5`, `{"n":{"$lte":5}}`, false},
		{`doc.n <= 5`, `{"n":{"$lte":5}}`, true},
		{`doc.n < 5`, `{"n":{"$gt":1}}`, false},
		{`doc.n < 5`, `{"n":{"$lt":"4"}}`, false},
		{`doc.n != 5`, `{"n":{"$ne":5.0}}`, true},
		{`doc.n < 5`, `{"n":7}`, false},
		{`doc.n < 5`, `{"n":{"$lt":9}}`, false},
		{`doc.n in [1,2,3]`, `{"n":{"$in":[1,3]}}`, true},
		{`doc.n in [1,2,3]`, `{"n":{"$in":[]}}`, false},
		{`doc.state != 'draft'`, `{"state":"draft2"}`, false}, // a list of states could hold both
		{`doc.state != 'draft'`, `{"state":{"$ne":"draft"}}`, true},
		{`doc.x == null`, `{"x":null}`, true},
		{`!(doc.hidden)`, `{"hidden":false}`, false},
		{`doc.a == 1 && doc.b == 2`, `{"a":1}`, false},
		{`doc.a == 1 && doc.b == 2`, `{"a":1,"b":2.0}`, true},
		{`true`, `{}`, true},
	} {
		text, err := rulesJSON(row.rule)
		require.NoError(t, err)
		r, err := rules.Parse(text)
		require.NoError(t, err, row.rule)
		d, err := r.Decide(rules.Read, li)
		require.NoError(t, err)
		var doc bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(row.asked), false, &doc))
		raw, err := bson.Marshal(doc)
		require.NoError(t, err)
		asked, err := query.ParseFilter(raw)
		require.NoError(t, err)
		require.Equal(t, row.want, d.Covers(asked), "%s asked %s", row.rule, row.asked)
	}
}

// What a strict rule lets pass must be allowed on each document that the request matches.
func FuzzCovers(f *testing.F) {
	f.Add("doc._openid == auth.openid", `{"_openid":"li"}`, `{"_openid":"li"}`)
	f.Add("doc.n < 5 || doc.public", `{"n":{"$in":[1,2]}}`, `{"n":[1,9],"public":false}`)
	f.Add("!(doc.a == 1) && doc.b in ['x']", `{"$nor":[{"a":{"$eq":1}}],"b":"x"}`, `{"a":2,"b":["x","y"]}`)
	f.Fuzz(func(t *testing.T, rule, asked, document string) {
		text, err := rulesJSON(rule)
		if err != nil {
			return
		}
		r, err := rules.Parse(text)
		if err != nil {
			return
		}
		d, err := r.Decide(rules.Read, li)
		if err != nil {
			t.Fatal(err)
		}
		var filterDoc, doc bson.D
		if bson.UnmarshalExtJSON([]byte(asked), false, &filterDoc) != nil || bson.UnmarshalExtJSON([]byte(document), false, &doc) != nil {
			return
		}
		rawFilter, err := bson.Marshal(filterDoc)
		if err != nil {
			return
		}
		raw, err := bson.Marshal(doc)
		if err != nil {
			return
		}
		filter, err := query.ParseFilter(rawFilter)
		if err != nil {
			return
		}
		if ok, _ := filter.Match(raw); ok && d.Covers(filter) && !d.Allows(raw) {
			t.Fatalf("rule %s lets %s pass, which finds %s", rule, asked, document)
		}
	})
}
