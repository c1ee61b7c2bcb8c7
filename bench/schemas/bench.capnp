@0xbd0f2d4f8f3f6e01;

interface Bench {
  add @0 (a :Int64, b :Int64) -> (sum :Int64);
  strings @1 (values :List(Text)) -> (values :List(Text));
  data @2 (values :Data) -> (values :Data);
  doubles @3 (values :List(Float64)) -> (values :List(Float64));
}
