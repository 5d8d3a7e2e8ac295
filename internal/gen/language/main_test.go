package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page in docs is the one that the table makes: run "make generate".
func TestPage_IsUpToDate(t *testing.T) {
	got, err := os.ReadFile("../../../docs/language.md")
	require.NoError(t, err)
	require.Equal(t, string(page()), string(got))
}
