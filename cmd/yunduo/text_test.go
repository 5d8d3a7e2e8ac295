package main

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every text is there in both languages and takes the same arguments.
func TestTexts_AreInBothLanguages(t *testing.T) {
	verbs := regexp.MustCompile(`%[-+0-9.]*[a-z]`)
	catalog := reflect.ValueOf(texts)
	for i := range catalog.NumField() {
		name := catalog.Type().Field(i).Name
		en, zh := catalog.Field(i).Field(0).String(), catalog.Field(i).Field(1).String()
		require.NotEmpty(t, en, name)
		require.NotEmpty(t, zh, name)
		require.Equal(t, verbs.FindAllString(en, -1), verbs.FindAllString(zh, -1), name)
		if name != "configProblem" && name != "deployFailed" {
			require.NotEqual(t, en, zh, name)
		}
	}
}
