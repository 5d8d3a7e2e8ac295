package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions/node"
)

func doctor(t *testing.T, l language, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := rootCommand(l)
	cmd.SetArgs(append([]string{"doctor"}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestDoctor(t *testing.T) {
	out, err := doctor(t, "en", "--json")
	var r report
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	require.Len(t, r.Walls, 9)
	require.Equal(t, node.WallNode, r.Walls[0].Name)
	require.True(t, r.Walls[0].Given)
	require.Equal(t, r.Safe, err == nil)
	t.Run("without a sandbox", func(t *testing.T) {
		for l, parts := range map[language][]string{
			"en": {"Node.js ", "yes  (v", "MISSING  (switched off)", "to do: leave out --sandbox off"},
			"zh": {"系统调用白名单 ", "缺失", "处理办法: 去掉 --sandbox off"},
		} {
			out, err := doctor(t, l, "--sandbox", "off")
			require.EqualError(t, err, l.say(doctorTexts.bad))
			for _, part := range parts {
				require.Contains(t, out, part)
			}
		}
	})
	t.Run("without Node.js", func(t *testing.T) {
		out, err := doctor(t, "en", "--node", "/no/such/node")
		require.Error(t, err)
		require.Contains(t, out, "MISSING")
		require.Contains(t, out, "install Node.js 20")
	})
}

// Every wall and remedy has its text in both languages.
func TestDoctor_Texts(t *testing.T) {
	all := slices.Concat(slices.Collect(maps.Values(doctorTexts.walls)), slices.Collect(maps.Values(doctorTexts.remedies)))
	for _, text := range all {
		require.NotEmpty(t, text.en)
		require.NotEmpty(t, text.zh)
	}
	for _, w := range []node.WallName{node.WallNode, node.WallNamespaces, node.WallCalls, node.WallNetwork, node.WallUser, node.WallMemory, node.WallTasks, node.WallCPU, node.WallFlood} {
		require.Contains(t, doctorTexts.walls, w)
	}
	for _, r := range []node.Remedy{node.RemedyLinux, node.RemedyKernel, node.RemedyNode, node.RemedyUserLimit, node.RemedyUserClone, node.RemedyAppArmor, node.RemedyContainer, node.RemedyDelegate, node.RemedyRoot, node.RemedySwitchedOn} {
		require.Contains(t, doctorTexts.remedies, r)
	}
}
