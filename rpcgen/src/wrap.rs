//! [`wrap`]: breaks the long lines of tables, as rustfmt would.
//!
//! The tables of a stub are text, a line for each procedure. Most lines are short; a few procedures
//! have many arguments. A long line is broken at its body, its `where`, then its longest group of
//! brackets, and so are its parts.

/// Maximum width of a line.
const WIDTH: usize = 100;

const INDENT: &str = "    ";

/// Breaks every line that is longer than [`WIDTH`], as far as it can be broken.
pub fn wrap(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / 16);
    let mut fence = None;
    for line in text.lines() {
        let body = line.trim_start();
        let was_in_fence = fence.is_some();
        fence = fence_after(fence, body);
        if line.len() <= WIDTH || was_in_fence || fence.is_some() {
            wrapped.push_str(line);
            wrapped.push('\n');
            continue;
        }
        wrap_line(&line[..line.len() - body.len()], body, &mut wrapped);
    }
    wrapped
}

/// A fence in a doc comment: its character and its length.
type Fence = (char, usize);

/// Returns the fence of a doc comment that is open after a line. A fence in a list or in a quote
/// does not count: the lines inside it are never broken, because of their indentation or mark.
fn fence_after(open: Option<Fence>, line: &str) -> Option<Fence> {
    let text = line.strip_prefix("///").map(str::trim_start)?;
    let mark = text.chars().next().filter(|mark| "`~".contains(*mark));
    let Some(mark) = mark else {
        return open;
    };
    let rest = text.trim_start_matches(mark);
    let length = text.len() - rest.len();
    match open {
        None if length >= 3 && !(mark == '`' && rest.contains('`')) => Some((mark, length)),
        Some((other, least)) if mark == other && length >= least && rest.trim().is_empty() => None,
        _ => open,
    }
}

fn wrap_line(indent: &str, line: &str, out: &mut String) {
    let comment = ["//!", "///"]
        .into_iter()
        .find(|mark| line.starts_with(mark));
    if let Some(mark) = comment {
        return wrap_words(indent, mark, &line[mark.len()..], out);
    }
    if indent.len() + line.len() <= WIDTH {
        return push(indent, line, out);
    }
    if let Some((head, body)) = split_body(line) {
        wrap_head(indent, head, out);
        wrap_line(&format!("{indent}{INDENT}"), body.trim(), out);
        return push(indent, "}", out);
    }
    let Some(group) = find_group(line) else {
        return push(indent, line, out);
    };
    let (head, rest) = line.split_at(group.start + 1);
    let (inside, tail) = rest.split_at(group.end - group.start - 1);
    push(indent, head, out);
    let deeper = format!("{indent}{INDENT}");
    if group.open == '{' {
        wrap_line(&deeper, inside.trim(), out);
        return wrap_line(indent, tail, out);
    }
    let elements = split_at_commas(inside);
    for (index, element) in elements.iter().enumerate() {
        // The patterns of the macro `overloads!` allow no comma after the last element.
        let is_last = index + 1 == elements.len();
        let comma = if is_last && line.starts_with("=>") {
            ""
        } else {
            ","
        };
        wrap_line(&deeper, &format!("{element}{comma}"), out);
    }
    wrap_line(indent, tail, out);
}

/// Writes the head of an item that ends with `{`.
fn wrap_head(indent: &str, head: &str, out: &mut String) {
    let Some((signature, bounds)) = head.split_once(" where ") else {
        return wrap_line(indent, &format!("{head} {{"), out);
    };
    wrap_line(indent, signature, out);
    push(indent, "where", out);
    for bound in split_at_commas(bounds) {
        push(&format!("{indent}{INDENT}"), &format!("{bound},"), out);
    }
    push(indent, "{", out);
}

fn push(indent: &str, line: &str, out: &mut String) {
    out.push_str(indent);
    out.push_str(line);
    out.push('\n');
}

/// Breaks a line of documentation. A table, a heading, a quote, HTML, a definition of a link and an
/// indented block stay as they are.
fn wrap_words(indent: &str, mark: &str, text: &str, out: &mut String) {
    let text = text.strip_prefix(' ').unwrap_or(text);
    if text.starts_with(['|', ' ', '\t', '#', '>', '<']) || text.contains("]: ") {
        return push(indent, &format!("{mark} {text}"), out);
    }
    let continued = if text.starts_with("- ") {
        format!("{mark}  ")
    } else {
        mark.to_owned()
    };
    let mut line = mark.to_owned();
    for word in text.split_ascii_whitespace() {
        let is_full = indent.len() + line.len() + 1 + word.len() > WIDTH;
        if is_full && line.len() > mark.len() && may_begin_line(word) {
            push(indent, &line, out);
            continued.clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    push(indent, &line, out);
}

/// Returns whether a word begins no list, quote, heading, table, HTML or block of code, if it is
/// the first one of a line.
fn may_begin_line(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']).unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_mark = word.bytes().all(|byte| b"-+*#=_:|".contains(&byte));
    let begins_block = ["```", "~~~", ">", "|", "<", "[^"]
        .iter()
        .any(|start| word.starts_with(start));
    !(is_number || is_mark || begins_block)
}

/// Splits `head { body }` at its outermost braces.
fn split_body(line: &str) -> Option<(&str, &str)> {
    let inside = line.strip_suffix('}')?;
    let open = brackets(line).find(|bracket| bracket.depth == 0 && bracket.open == '{')?;
    (open.end + 1 == line.len()).then(|| (line[..open.start].trim_end(), &inside[open.start + 1..]))
}

/// Finds the brackets to break a line at: those of the parameters, else the longest ones.
fn find_group(line: &str) -> Option<Bracket> {
    let outer = || brackets(line).filter(|bracket| bracket.depth == 0 && bracket.open != '<');
    let is_function = ["fn ", "pub fn ", "pub async fn "]
        .iter()
        .any(|start| line.starts_with(start));
    if is_function {
        return outer().next();
    }
    outer()
        .filter(|group| group.end > group.start + 1)
        .max_by_key(|group| group.end - group.start)
}

/// A pair of brackets.
#[derive(Debug, Clone, Copy)]
struct Bracket {
    open: char,
    /// Number of brackets around it.
    depth: usize,
    /// The positions of the opening and the closing bracket, in bytes.
    start: usize,
    end: usize,
}

/// Returns the pairs of brackets of a line that are not in quotes, in the order of their ends.
fn brackets(line: &str) -> impl Iterator<Item = Bracket> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut found = Vec::new();
    for Mark { char, place } in marks(line) {
        match char {
            '(' | '[' | '{' | '<' => open.push((char, place)),
            ',' => {}
            _ => {
                if let Some((bracket, start)) = open.pop() {
                    found.push(Bracket {
                        open: bracket,
                        depth: open.len(),
                        start,
                        end: place,
                    });
                }
            }
        }
    }
    found.into_iter()
}

/// Splits a list at the commas that are neither in brackets nor in quotes.
fn split_at_commas(list: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let mut depth = 0_usize;
    let mut begin = 0;
    for Mark { char, place } in marks(list) {
        match char {
            '(' | '[' | '{' | '<' => depth += 1,
            ',' if depth == 0 => {
                elements.push(list[begin..place].trim());
                begin = place + 1;
            }
            ',' => {}
            _ => depth = depth.saturating_sub(1),
        }
    }
    elements.push(list[begin..].trim());
    elements.retain(|element| !element.is_empty());
    elements
}

/// A bracket or a comma, and its position in bytes.
struct Mark {
    char: char,
    place: usize,
}

/// Returns the brackets and commas of a text that are not in quotes. The `>` of an arrow is not a
/// bracket.
fn marks(text: &str) -> impl Iterator<Item = Mark> {
    let mut is_quoted = false;
    let mut before = ' ';
    text.char_indices().filter_map(move |(place, char)| {
        let last = std::mem::replace(&mut before, char);
        if char == '"' && last != '\\' {
            is_quoted = !is_quoted;
        }
        let is_arrow = char == '>' && matches!(last, '-' | '=');
        let is_mark = !is_quoted && !is_arrow && "()[]{}<>,".contains(char);
        is_mark.then_some(Mark { char, place })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_method_is_broken_at_its_body_and_its_parameters() {
        let long = "    fn record(&self, reading: types::Reading, all_votes: BTreeMap<String, i64>) \
                    -> Result<(), Error> { self.carry(&procedures::RECORD, (reading, all_votes)) }\n";
        let expected = "    fn record(\n        &self,\n        reading: types::Reading,\n        \
                        all_votes: BTreeMap<String, i64>,\n    ) -> Result<(), Error> {\n        \
                        self.carry(&procedures::RECORD, (reading, all_votes))\n    }\n";
        assert_eq!(wrap(long), expected);
    }

    #[test]
    fn short_lines_and_unbreakable_lines_stay() {
        let quoted = format!("let text = \"{}\";\n", "a, (b".repeat(30));
        assert_eq!(wrap(&quoted), quoted);
        assert_eq!(wrap("fn a() { b() }\n"), "fn a() { b() }\n");
    }

    #[test]
    fn breaking_a_comment_begins_no_block_of_markdown() {
        let words = "word ".repeat(19);
        for word in ["```", "-", "1.", "2)", "#", ">", "---", "===", "<pre>", "|"] {
            let wrapped = wrap(&format!("/// {words}{word} end\n"));
            assert!(!wrapped.contains(&format!("\n/// {word}")), "{wrapped}");
        }
        let long = "word ".repeat(30);
        let long = long.trim_end();
        for block in [
            format!("/// ````text\n/// ```\n/// {long}\n/// ````\n"),
            format!("/// ~~~text\n/// ```\n/// {long}\n/// ~~~\n"),
            format!("/// # {long}\n"),
            format!("/// > {long}\n"),
        ] {
            assert_eq!(wrap(&block), block);
        }
        let after = format!("/// ```text\n/// ```\n/// {long}\n");
        assert_ne!(wrap(&after), after);
    }

    #[test]
    fn bounds_and_comments_are_broken() {
        let long = format!(
            "pub fn find<A, R>(a: A) -> Result<R, Error> where A: {}<Output = R>, R: Sized {{ a() }}\n",
            "F".repeat(60)
        );
        let wrapped = wrap(&long);
        assert!(wrapped.contains("\nwhere\n    A: F"), "{wrapped}");
        assert!(
            wrapped.ends_with("    R: Sized,\n{\n    a()\n}\n"),
            "{wrapped}"
        );
        let comment = wrap(&format!("/// {}\n", "word ".repeat(40)));
        let list = wrap(&format!("/// - {}\n", "word ".repeat(40)));
        assert!(
            list.lines()
                .skip(1)
                .all(|line| line.starts_with("///   word")),
            "{list}"
        );
        let table = format!("/// | {} |\n", "word ".repeat(40));
        assert_eq!(wrap(&table), table);
        assert!(
            comment
                .lines()
                .all(|line| line.len() <= WIDTH && line.starts_with("/// word"))
        );
    }
}
