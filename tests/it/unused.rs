//! Public items of the program that nothing of it uses: of a library's, the compiler says nothing.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use crate::imports::{Source, is_punct, sources, without_tests};

#[test]
fn nothing_public_is_for_nobody() {
    let unused = unused(&sources());
    assert!(unused.is_empty(), "nothing of the program uses {unused:#?}");
}

#[test]
fn what_nothing_uses_is_found_however_it_is_written() {
    let found = |text: &str| unused(&[Source { path: "vfs/a.rs".into(), tokens: text.parse().unwrap() }]);
    for text in [
        "pub fn lonely() {}",
        "pub(crate) async fn lonely() {}",
        "pub const fn lonely() {}",
        "pub(super) const lonely: u8 = 1;",
        "pub struct lonely;",
        "impl A { /// See [`lonely`].\n pub fn lonely(&self) {} }",
        "pub struct A { pub lonely: A }",
        "pub fn lonely() {} #[cfg(test)] mod tests { use super::lonely; }",
    ] {
        assert_eq!(found(text), ["src/vfs/a.rs: lonely"], "{text}");
    }
    for text in ["pub fn f() { f() }", "pub struct A { pub b: A } fn f(a: A) { a.b }", "fn f() {}", "pub use a::b;"] {
        assert!(found(text).is_empty(), "{text}");
    }
    assert!(found("pub const A: u8 = 1; fn f() { println!(\"{A}\") }").is_empty(), "a text may name it");
}

/// Returns the public items and fields whose name is said once: where they are made. The engine of the tests is for them.
fn unused(sources: &[Source]) -> Vec<String> {
    let sources = || sources.iter().filter(|it| !it.is_test() && !it.path.starts_with("engine/fake"));
    let mut said = BTreeMap::new();
    let mut made = Vec::new();
    for source in sources() {
        let tokens = without_tests(&source.tokens);
        count_words(&tokens, &mut said);
        let mut names = Vec::new();
        collect_public(&tokens, &mut names);
        made.extend(names.into_iter().map(|name| (source.path.as_str(), name)));
    }
    let lonely = made.into_iter().filter(|(_, name)| said[name] == 1 && name != "fake");
    lonely.map(|(path, name)| format!("src/{path}: {name}")).collect()
}

fn count_words(tokens: &[TokenTree], said: &mut BTreeMap<String, usize>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            // A comment on an item is no use of it.
            TokenTree::Punct(_) if is_punct(&tokens[at], '#') => at += 1,
            TokenTree::Ident(ident) => *said.entry(ident.to_string()).or_default() += 1,
            TokenTree::Group(group) => count_words(&without_tests(&group.stream()), said),
            TokenTree::Literal(text) => {
                let text = text.to_string();
                let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.for_each(|word| *said.entry(word.to_owned()).or_default() += 1);
            }
            TokenTree::Punct(_) => {}
        }
        at += 1;
    }
}

fn collect_public(tokens: &[TokenTree], names: &mut Vec<String>) {
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect_public(&without_tests(&group.stream()), names),
            TokenTree::Ident(ident) if ident == "pub" => names.extend(name_of(&tokens[at + 1..])),
            _ => {}
        }
    }
}

/// Returns the name of the item or field whose `pub` stands before these tokens. What is passed on has none.
fn name_of(tokens: &[TokenTree]) -> Option<String> {
    let skipped = ["const", "async", "unsafe", "fn", "struct", "enum", "trait", "type", "static", "mod"];
    let mut tokens = tokens.iter();
    if !matches!(tokens.clone().next(), Some(TokenTree::Ident(_))) {
        tokens.next();
    }
    let idents = tokens.map_while(|token| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    idents.into_iter().find(|ident| !skipped.contains(&ident.as_str())).filter(|ident| ident != "use")
}
