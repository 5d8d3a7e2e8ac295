package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/rules"
)

var (
	li        = rules.Auth{OpenID: "li", UserID: "u1", Provider: "wechat"}
	guest     = rules.Auth{UserID: "u2", OpenID: "u2", Provider: "anonymous", Anonymous: true}
	nobody    = rules.Auth{}
	everyOp   = []rules.Operation{rules.Read, rules.Create, rules.Update, rules.Delete}
	mine      = bson.D{{Key: "_id", Value: "a"}, {Key: "_openid", Value: "li"}}
	anothers  = bson.D{{Key: "_id", Value: "b"}, {Key: "_openid", Value: "wang"}}
	ownerless = bson.D{{Key: "_id", Value: "c"}}
)

func allows(t *testing.T, text string, op rules.Operation, auth rules.Auth, doc bson.D) bool {
	t.Helper()
	r, err := rules.Parse(text)
	require.NoError(t, err)
	d, err := r.Decide(op, auth)
	require.NoError(t, err)
	raw, err := bson.Marshal(doc)
	require.NoError(t, err)
	return d.Allows(raw)
}

func TestPresets(t *testing.T) {
	type row struct{ read, create, update, remove bool }
	for preset, want := range map[string]map[string]row{
		"private": {
			"mine":      {true, true, true, true},
			"anothers":  {},
			"ownerless": {},
		},
		"readonly": {
			"mine":      {true, true, true, true},
			"anothers":  {read: true},
			"ownerless": {read: true},
		},
		"ADMINWRITE": {
			"mine":     {read: true},
			"anothers": {read: true},
		},
		"adminonly": {
			"mine":     {},
			"anothers": {},
		},
	} {
		docs := map[string]bson.D{"mine": mine, "anothers": anothers, "ownerless": ownerless}
		for name, w := range want {
			for i, expected := range []bool{w.read, w.create, w.update, w.remove} {
				require.Equal(t, expected, allows(t, preset, everyOp[i], li, docs[name]), "%s %s %s", preset, everyOp[i], name)
			}
		}
	}
}

func TestPresets_ByNobodyNothingIsOwned(t *testing.T) {
	for _, op := range everyOp {
		require.False(t, allows(t, "private", op, nobody, ownerless), "%s", op)
		require.False(t, allows(t, "private", op, nobody, mine), "%s", op)
	}
}

func TestDefault_IsPrivate(t *testing.T) {
	require.Equal(t, "private", rules.Default().String())
}

func TestDecision_TellsCreator(t *testing.T) {
	for text, creator := range map[string]bool{
		`private`: true,
		`{"update": "auth.openid == doc._openid"}`:              true,
		`{"update": "doc._openid == auth.openid && doc.n > 1"}`: true,
		`{"update": "doc._openid == auth.openid || doc.open"}`:  false,
		`{"update": "doc._openid != auth.openid"}`:              false,
		`{"update": "!(doc._openid == auth.openid)"}`:           false,
		`{"update": "doc.editor == auth.openid"}`:               false,
		`{"update": "doc._openid == auth.uid"}`:                 false,
		`{"update": "doc._openid == 'li'"}`:                     false,
		`{"update": true}`:                                      false,
	} {
		r, err := rules.Parse(text)
		require.NoError(t, err)
		d, err := r.Decide(rules.Update, li)
		require.NoError(t, err)
		require.Equal(t, creator, d.Creator, text)
	}
}

func TestWrite_StandsForWhatIsNotGiven(t *testing.T) {
	text := `{"write": true, "delete": false}`
	require.True(t, allows(t, text, rules.Create, li, mine))
	require.True(t, allows(t, text, rules.Update, li, mine))
	require.False(t, allows(t, text, rules.Delete, li, mine))
	require.False(t, allows(t, text, rules.Read, li, mine), "what is not given is refused")
}

func TestExpressions(t *testing.T) {
	doc := bson.D{
		{Key: "_openid", Value: "li"},
		{Key: "n", Value: 5},
		{Key: "m", Value: 7},
		{Key: "open", Value: true},
		{Key: "closed", Value: false},
		{Key: "status", Value: "draft"},
		{Key: "members", Value: bson.A{"li", "zhao"}},
		{Key: "nothing", Value: nil},
		{Key: "team", Value: bson.D{{Key: "lead", Value: "li"}}},
		{Key: "标题", Value: "x"},
	}
	for expression, want := range map[string]bool{
		`true`:                      true,
		`false`:                     false,
		`!false`:                    true,
		`auth != null`:              true,
		`auth == null`:              false,
		`null != auth`:              true,
		`auth.anonymous`:            false,
		`!auth.anonymous`:           true,
		`auth.provider == 'wechat'`: true,
		`auth.provider in ['wechat', "password"]`:       true,
		`auth.provider in ['password']`:                 false,
		`auth.unionid == null`:                          true,
		`auth.unionid != null`:                          false,
		`doc._openid == auth.openid`:                    true,
		`auth.openid == doc._openid`:                    true,
		`doc._openid != auth.openid`:                    false,
		`doc._openid == auth.uid`:                       false,
		`doc.absent == auth.unionid`:                    false, // no value owns nothing
		`doc.nothing == auth.unionid`:                   false,
		`doc._openid != auth.unionid`:                   true,
		`auth.unionid in doc.members`:                   false,
		`doc.open`:                                      true,
		`doc.closed`:                                    false,
		`doc.n`:                                         false, // a number is not true
		`doc.absent`:                                    false,
		`!doc.absent`:                                   true,
		`doc.absent == null`:                            true,
		`doc.n > 4`:                                     true,
		`doc.n >= 5 && doc.n <= 5.0`:                    true,
		`4 < doc.n`:                                     true,
		`doc.n < -1`:                                    false,
		`doc.n < doc.m`:                                 true,
		`doc.m == doc.n`:                                false,
		`doc.n == 4 || doc.n == 5`:                      true,
		`doc.n == 4 || doc.open && doc.closed`:          false,
		`(doc.n == 5 || doc.open) && !(doc.closed)`:     true,
		`doc.status in ['draft', 'open']`:               true,
		`doc.status in []`:                              false,
		`auth.openid in doc.members`:                    true,
		`'wang' in doc.members`:                         false,
		`'draft' in doc.status`:                         false, // not a list
		`doc.status in doc.members`:                     false,
		`doc._openid in doc.members`:                    true,
		`doc.n in doc.status`:                           false,
		`doc.team.lead == auth.openid`:                  true,
		`doc.members.1 == 'zhao'`:                       true,
		`doc.标题 == 'x'`:                                 true,
		`doc.status == 'dra\'ft'`:                       false,
		`'a' < 'b' && 1 < 2 && 2 >= 2 && 1 != 'a'`:      true,
		`'1' == 1`:                                      false,
		`true == true && true != false`:                 true,
		`doc.status == "$open"`:                         false,
		`doc.n == 5 && true || false && doc.absent > 1`: true,
	} {
		got := allows(t, `{"read": `+quote(expression)+`}`, rules.Read, li, doc)
		require.Equal(t, want, got, expression)
	}
}

func TestExpressions_OfGuests(t *testing.T) {
	require.True(t, allows(t, `{"read":"auth.anonymous"}`, rules.Read, guest, mine))
	require.True(t, allows(t, `{"read":"auth == null"}`, rules.Read, nobody, mine))
	require.False(t, allows(t, `{"read":"auth != null"}`, rules.Read, nobody, mine))
}

// A value of the caller is never taken for an operator.
func TestExpressions_ValuesAreNoOperators(t *testing.T) {
	odd := rules.Auth{OpenID: `{"$gt":""}`, UserID: "u"}
	require.False(t, allows(t, "private", rules.Read, odd, mine))
	require.True(t, allows(t, "private", rules.Read, odd, bson.D{{Key: "_openid", Value: `{"$gt":""}`}}))
}

func TestParse_Refuses(t *testing.T) {
	for text, part := range map[string]string{
		``:                                             "private",
		`everything`:                                   "private",
		`{`:                                            "JSON",
		`{"read": true} {"read": false}`:               "follows",
		`{"reed": true}`:                               "JSON",
		`{"read": 1}`:                                  "read",
		`{"read": ""}`:                                 "ends too early",
		`{"read": "1"}`:                                "neither true nor false",
		`{"read": "'text'"}`:                           "neither true nor false",
		`{"read": "auth"}`:                             "neither true nor false",
		`{"read": "auth.openid"}`:                      "neither true nor false",
		`{"read": "doc"}`:                              "name a field",
		`{"read": "doc."}`:                             "field name",
		`{"read": "doc.$where == 1"}`:                  "no meaning",
		`{"read": "auth.token == 1"}`:                  "auth has",
		`{"read": "auth == auth"}`:                     "null",
		`{"read": "auth > null"}`:                      "==",
		`{"read": "user.id == 1"}`:                     "unknown",
		`{"read": "got('x')"}`:                         "unknown",
		`{"read": "true &&"}`:                          "ends too early",
		`{"read": "true & false"}`:                     "no meaning",
		`{"read": "true || 1"}`:                        "neither true nor false",
		`{"read": "(true"}`:                            "parenthesis",
		`{"read": "true)"}`:                            "not expected",
		`{"read": "doc.a == 'x"}`:                      "not closed",
		`{"read": "doc.a in 'x'"}`:                     "list",
		`{"read": "['a'] == doc.a"}`:                   "list",
		`{"read": "doc.a == ['a']"}`:                   "list",
		`{"read": "doc.a in ['a' 'b']"}`:               "comma",
		`{"read": "doc.a in [doc.b]"}`:                 "unknown",
		`{"read": "(doc.a == 1) == true"}`:             "conditions",
		`{"write": "doc.a == == 1"}`:                   "write",
		`{"create": "!"}`:                              "create",
		`{"read": "` + strings.Repeat("(", 500) + `"}`: "deeper",
		`{"read": "` + strings.Repeat("!", 500) + `true"}`: "deeper",
		`{"read": "` + strings.Repeat("a", 5000) + `"}`:    "longer",
	} {
		if strings.HasPrefix(text, `{"write"`) || strings.HasPrefix(text, `{"create"`) {
			part = strings.TrimPrefix(strings.SplitN(text, `"`, 3)[1], `"`)
		}
		_, err := rules.Parse(text)
		require.Error(t, err, text)
		require.Equal(t, yunduo.ReasonInvalidRules, yunduo.ReasonOf(err), text)
		require.Contains(t, yunduo.AsError(err).Message, part, text)
	}
}

func TestString_ReadsBack(t *testing.T) {
	for _, text := range []string{"private", "READONLY", ` {"read": true} `} {
		r, err := rules.Parse(text)
		require.NoError(t, err)
		again, err := rules.Parse(r.String())
		require.NoError(t, err)
		require.Equal(t, r.String(), again.String())
	}
}

func quote(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// FuzzParse holds that whatever parses also compiles, for every kind of caller.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"private", `{"read":true}`, `{"read":"doc.a == auth.openid && !(doc.b in [1, 'x'])"}`,
		`{"read":"auth.openid in doc.m || doc.a.0 < doc.b", "write":"auth != null"}`, `{"read":"doc.a == 'x`,
		`{"read":"((((auth == null))))"}`, `{"read":"-1.5 < doc.n"}`, `{"read":"doc.1.2 == 3.4"}`,
	} {
		f.Add(seed)
	}
	doc, err := bson.Marshal(mine)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rules.Parse(text)
		if err != nil {
			if yunduo.ReasonOf(err) != yunduo.ReasonInvalidRules {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for _, auth := range []rules.Auth{li, guest, nobody} {
			for _, op := range everyOp {
				d, err := r.Decide(op, auth)
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				d.Allows(doc)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	for b.Loop() {
		if _, err := rules.Default().Decide(rules.Read, li); err != nil {
			b.Fatal(err)
		}
	}
}
