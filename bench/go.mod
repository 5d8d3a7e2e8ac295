module yunduo/bench

go 1.26
