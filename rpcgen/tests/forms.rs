//! Every form in which a selecting argument may be passed is an `Arg` of the runtime.
//!
//! The generated implementations use these forms, so it is enough that each form compiles here.

use std::collections::BTreeMap;

use rpc_runtime::private::Arg;

fn is_form<F: Arg<T>, T>() {}

macro_rules! forms {
    ($($ty:ty: $($form:ty),+;)+) => {$($(is_form::<$form, $ty>();)+)+};
}

#[test]
fn every_form_is_an_argument() {
    forms! {
        i64: i64, &i64;
        f64: f64, &f64;
        bool: bool, &bool;
        String: String, &str, &String;
        Vec<u8>: Vec<u8>, &Vec<u8>, [u8; 2], &[u8], &[u8; 2];
        Vec<i64>: Vec<i64>, &Vec<i64>, [i64; 2], &[i64], &[i64; 2];
        Vec<String>: Vec<String>, &Vec<String>, [String; 2], &[String], &[String; 2];
        Vec<String>: &Vec<&str>, [&str; 2], &[&str], &[&str; 2];
        Vec<Vec<i64>>: Vec<Vec<i64>>, &Vec<Vec<i64>>, [Vec<i64>; 2], &[Vec<i64>], &[Vec<i64>; 2];
        BTreeMap<i64, bool>: BTreeMap<i64, bool>, &BTreeMap<i64, bool>;
        Option<String>: Option<String>, &Option<String>;
        (i64,): (i64,), &(i64,);
        (i64, Vec<String>): (i64, Vec<String>), &(i64, Vec<String>);
    }
}
