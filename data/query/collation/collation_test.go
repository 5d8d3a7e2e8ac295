package collation_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
)

func parse(t testing.TB, pairs ...any) *collation.Collation {
	t.Helper()
	c, err := collation.Parse(raw(t, pairs...))
	require.NoError(t, err, "%v", pairs)
	return c
}

func raw(t testing.TB, pairs ...any) bson.Raw {
	t.Helper()
	d := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		settings []any
		want     string // texts in order, those that are equal joined by =
	}{
		{[]any{"locale", "en"}, "a A á b B z 1x"},
		{[]any{"locale", "en", "strength", 1}, "a=A=á b=B"},
		{[]any{"locale", "en", "strength", 2}, "a=A á=Á b"},
		{[]any{"locale", "en", "strength", int64(3)}, "a A á Á b"},
		{[]any{"locale", "en", "strength", 2.0}, "a=A á"},
		{[]any{"locale", "en", "strength", 1, "caseLevel", true}, "a A b"},
		{[]any{"locale", "en", "numericOrdering", true}, "a2 a10 a100"},
		{[]any{"locale", "en"}, "a10 a100 a2"},
		{[]any{"locale", "en", "strength", 2, "numericOrdering", true}, "a2=A2 A10=a10"},
		{[]any{"locale", "en", "alternate", "shifted", "strength", 2}, "ab=a-b=a.b ac"},
		{[]any{"locale", "zh"}, "阿 北 上海 中"},
		{[]any{"locale", "zh", "strength", 1}, "a=A 阿 北"},
		{[]any{"locale", "zh@collation=stroke"}, "一 二 三 中 北"},
		{[]any{"locale", "zh_Hans_CN"}, "阿 北 上海 中"},
		{[]any{"locale", "sv"}, "z å ä ö"},
		{[]any{"locale", "de"}, "a ä z"},
		{[]any{"locale", "simple"}, "A B a b á"},
	} {
		if strings.Contains(c.want, "1x") {
			c.want = "1x " + strings.TrimSuffix(c.want, " 1x") // digits come first
		}
		col := parse(t, c.settings...)
		var texts [][]byte
		rank := map[string]int{}
		for i, group := range strings.Fields(c.want) {
			for text := range strings.SplitSeq(group, "=") {
				texts = append(texts, []byte(text))
				rank[text] = i
			}
		}
		for _, a := range texts {
			for _, b := range texts {
				want := min(1, max(-1, rank[string(a)]-rank[string(b)]))
				require.Equal(t, want, col.Compare(a, b), "%v: %s and %s", c.settings, a, b)
				require.Equal(t, want, bytes.Compare(col.AppendKey(nil, a), col.AppendKey(nil, b)))
			}
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, c := range []struct {
		settings []any
		code     int
	}{
		{[]any{"strength", 1}, 40414}, {[]any{"locale", 5}, 14}, {[]any{"locale", "xx-yy-zz-qqqqqqqqq"}, 2}, {[]any{"locale", "nonsense"}, 2},
		{[]any{"locale", "en", "strength", 4}, 2}, {[]any{"locale", "en", "strength", 0}, 2}, {[]any{"locale", "en", "strength", 1.5}, 2}, {[]any{"locale", "en", "strength", "2"}, 2},
		{[]any{"locale", "en", "caseLevel", 1}, 14}, {[]any{"locale", "en", "caseFirst", "upper"}, 2}, {[]any{"locale", "en", "alternate", "no"}, 2},
		{[]any{"locale", "en", "nonsense", 1}, 40415}, {[]any{"locale", "zh@collation=nonsense"}, 2}, {[]any{"locale", "simple", "strength", 1}, 2},
	} {
		_, err := collation.Parse(raw(t, c.settings...))
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err), "%v", c.settings)
		require.Equal(t, c.code, yunduo.AsError(err).MongoCode(), "%v", c.settings)
	}
	c, err := collation.Parse(nil)
	require.NoError(t, err)
	require.Nil(t, c)
	_, err = collation.Parse([]byte("not BSON at all"))
	require.Error(t, err)
}

func TestSame(t *testing.T) {
	zh := parse(t, "locale", "zh")
	require.True(t, collation.Same(zh, parse(t, "locale", "zh", "strength", 3, "caseFirst", "off")))
	require.False(t, collation.Same(zh, parse(t, "locale", "zh", "strength", 1)))
	require.False(t, collation.Same(zh, nil))
	require.True(t, collation.Same(nil, nil))
}

func TestConcurrentUse(t *testing.T) {
	c := parse(t, "locale", "zh", "strength", 1)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			texts := [][]byte{[]byte("中"), []byte("阿"), []byte("北"), []byte("b"), []byte("A")}
			for range 200 {
				slices.SortFunc(texts, c.Compare)
				if string(bytes.Join(texts, nil)) != "Ab阿北中" {
					t.Errorf("%s", texts)
				}
			}
		})
	}
	group.Wait()
}

// Keys are stored in indexes. If this fails after an upgrade of golang.org/x/text, indexes with a collation have to be
// built anew when a store is opened, before the upgrade can be released.
func TestKeysAreThoseThatWereStored(t *testing.T) {
	var texts []string
	for r := rune(0x20); r < 0x3000; r++ {
		texts = append(texts, string(r), "x"+string(r)+"y")
	}
	for r := rune(0x3000); r < 0xfffd; r += 7 {
		if r < 0xd800 || r > 0xdfff {
			texts = append(texts, string(r), string(r)+"中")
		}
	}
	texts = append(texts, "", "a10", "a9", "Straße", "co-op", "e\u0301", "𠀀", "😀 x")
	sum := sha256.New()
	for _, settings := range [][]any{
		{"locale", "en"}, {"locale", "en", "strength", 1}, {"locale", "zh"}, {"locale", "zh", "strength", 2}, {"locale", "zh@collation=stroke"},
		{"locale", "de", "strength", 1, "caseLevel", true}, {"locale", "sv"}, {"locale", "en", "numericOrdering", true}, {"locale", "ja"},
		{"locale", "en", "alternate", "shifted", "strength", 2}, {"locale", "fr_CA", "backwards", true},
	} {
		c := parse(t, settings...)
		for _, text := range texts {
			sum.Write(c.AppendKey(nil, []byte(text)))
			sum.Write([]byte{0xff, 0xff})
		}
	}
	require.Equal(t, "e673f96145c58d696c1687816a6a05f783ad6caa7e91ccb9dd4e14c3a7bbe3a1", hex.EncodeToString(sum.Sum(nil)))
}

func FuzzCollation(f *testing.F) {
	f.Add([]byte(raw(f, "locale", "zh", "strength", 1)), []byte("中a"), []byte("b"))
	f.Fuzz(func(t *testing.T, document, a, b []byte) {
		c, err := collation.Parse(document)
		if err != nil {
			return
		}
		require.Equal(t, c.Compare(a, b), -c.Compare(b, a))
	})
}
