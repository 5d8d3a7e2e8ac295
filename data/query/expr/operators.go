package expr

import (
	"maps"
	"sync"
)

// operators returns the table of all operators, by name. It must not be changed.
var operators = sync.OnceValue(func() map[string]operator {
	table := map[string]operator{"$literal": compileLiteral, "$const": compileLiteral}
	for _, topic := range []map[string]operator{
		arithmeticOperators(), mathOperators(), logicOperators(), arrayOperators(), setOperators(), objectOperators(),
		stringOperators(), regexOperators(), conversionOperators(), dateOperators(), foldOperators(),
	} {
		maps.Copy(table, topic)
	}
	return table
})
