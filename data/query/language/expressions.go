package language

import "strings"

// expressions are the operators of expressions, by topic.
var expressions = topics(Expression, map[string]string{
	"1 Arithmetic":   "$abs $add $ceil $divide $exp $floor $ln $log $log10 $mod $multiply $pow $round $sqrt $subtract $trunc $rand",
	"2 Bits":         "$bitAnd $bitOr $bitXor $bitNot",
	"3 Trigonometry": "$sin $cos $tan $asin $acos $atan $atan2 $sinh $cosh $tanh $asinh $acosh $atanh $degreesToRadians $radiansToDegrees",
	"4 Comparison":   "$cmp $eq $ne $gt $gte $lt $lte",
	"5 Logic":        "$and $or $not $cond $ifNull $switch",
	"6 Arrays":       "$arrayElemAt $arrayToObject $concatArrays $filter $first $firstN $in $indexOfArray $isArray $last $lastN $map $maxN $minN $objectToArray $range $reduce $reverseArray $size $slice $sortArray $zip",
	"7 Sets":         "$allElementsTrue $anyElementTrue $setDifference $setEquals $setIntersection $setIsSubset $setUnion",
	"8 Texts":        "$concat $indexOfBytes $indexOfCP $ltrim $rtrim $trim $split $strLenBytes $strLenCP $strcasecmp $substr $substrBytes $substrCP $toLower $toUpper $regexFind $regexFindAll $regexMatch $replaceOne $replaceAll",
	"9 Dates":        "$dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear $hour $isoDayOfWeek $isoWeek $isoWeekYear $millisecond $minute $month $second $tsIncrement $tsSecond $week $year",
	"A Objects":      "$mergeObjects $getField $setField $unsetField",
	"B Conversion":   "$convert $isNumber $toBool $toDate $toDecimal $toDouble $toInt $toLong $toObjectId $toString $type",
	"C Summaries":    "$avg $max $median $min $percentile $sum $stdDevPop $stdDevSamp",
	"D Others":       "$binarySize $bsonSize $let $literal $const",
}, map[string]string{
	"D Others": "$function $accumulator $meta",
})

// topics makes entries of lists of names, those of refused with a status of their own.
func topics(kind Kind, supported, refused map[string]string) (list []Entry) {
	for _, mark := range "123456789ABCD" {
		for topic, names := range supported {
			if rune(topic[0]) != mark {
				continue
			}
			for name := range strings.FieldsSeq(names) {
				list = append(list, Entry{Kind: kind, Topic: topic[2:], Name: name, Note: notes[name]})
			}
			for name := range strings.FieldsSeq(refused[topic]) {
				list = append(list, Entry{Kind: kind, Topic: topic[2:], Name: name, Status: Refused, Note: notes[name]})
			}
		}
	}
	return list
}

// notes are remarks on operators of expressions.
var notes = map[string]string{
	"$function": noCode, "$accumulator": noCode, "$meta": "there are no text indexes",
	"$regexFind": "RE2 syntax", "$regexFindAll": "RE2 syntax", "$regexMatch": "RE2 syntax",
	"$median": "exact, also with the method `approximate`", "$percentile": "exact, also with the method `approximate`",
	"$sin": "decimals: 17 digits", "$cos": "decimals: 17 digits", "$tan": "decimals: 17 digits",
	"$const": "the same as $literal",
}

var variables = topics(Variable, map[string]string{"1 Variables": "$$ROOT $$CURRENT $$REMOVE $$NOW"}, nil)
