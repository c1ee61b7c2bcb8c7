namespace rs bench

service Bench {
    i64 add(1: i64 a, 2: i64 b),
    list<string> strings(1: list<string> values),
    binary data(1: binary values),
    list<double> doubles(1: list<double> values),
}
