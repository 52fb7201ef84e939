//! `Expression`: what stands between `{{` and `}}`.

/// A pipeline, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expression {
    /// `.`
    Dot,
    /// `$x`; `$` has no name.
    Variable(String),
    Text(String),
    /// A number, a boolean, `nil`.
    Constant(String),
    Field(Box<Expression>, String),
    /// A function, or nothing but operands.
    Call(String, Vec<Expression>),
}

/// Functions that leave a text as it is, except for its form.
const WRAPPERS: [&str; 10] = [
    "quote",
    "squote",
    "trim",
    "nindent",
    "indent",
    "toString",
    "trimSuffix",
    "trimPrefix",
    "lower",
    "trimAll",
];
/// How an action declares or sets variables: `$a, $b := ...`, `$a = ...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Assignment {
    pub(super) names: Vec<String>,
    pub(super) is_declaration: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Operand(Expression),
    Word(String),
    Open,
    Close,
    Pipe,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `.a.b` directly after a parenthesis.
    Fields(Vec<String>),
}

/// The expression of an action, with the variables that it sets.
pub(super) fn parse(text: &str) -> (Option<Assignment>, Expression) {
    let tokens = tokens(text);
    let is_sign = |token: &Token| matches!(token, Token::Declare | Token::Assign);
    let sign = tokens.iter().position(is_sign);
    let assignment = sign.map(|at| Assignment {
        names: tokens[..at].iter().filter_map(variable).collect(),
        is_declaration: tokens[at] == Token::Declare,
    });
    let mut rest = &tokens[sign.map_or(0, |at| at + 1)..];
    (assignment, pipeline(&mut rest))
}

pub(super) fn is_wrapper(function: &str) -> bool {
    WRAPPERS.contains(&function)
}

/// The operand that a wrapper prints.
pub(super) fn operand(value: &Expression) -> &Expression {
    match value {
        Expression::Call(name, operands) if is_wrapper(name) => {
            operands.last().map_or(value, operand)
        }
        _ => value,
    }
}

fn variable(token: &Token) -> Option<String> {
    match token {
        Token::Operand(Expression::Variable(name)) => Some(name.clone()),
        _ => None,
    }
}

/// Reads commands up to a closing parenthesis.
fn pipeline(tokens: &mut &[Token]) -> Expression {
    let mut value: Option<Expression> = None;
    loop {
        let (function, mut operands) = command(tokens);
        operands.extend(value.take());
        value = Some(match <[Expression; 1]>::try_from(operands) {
            Ok([only]) if function.is_empty() => only,
            Ok(only) => Expression::Call(function, only.into()),
            Err(operands) => Expression::Call(function, operands),
        });
        let (first, rest) = match tokens.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => (None, &[][..]),
        };
        *tokens = rest;
        if first != Some(&Token::Pipe) {
            break;
        }
    }
    value.unwrap_or(Expression::Dot)
}

/// A function with its operands, up to a pipe or a closing parenthesis.
fn command(tokens: &mut &[Token]) -> (String, Vec<Expression>) {
    let mut function = String::new();
    let mut operands: Vec<Expression> = Vec::new();
    while let Some((token, rest)) = tokens.split_first() {
        match token {
            Token::Pipe | Token::Close => break,
            Token::Operand(operand) => operands.push(operand.clone()),
            Token::Word(word) if operands.is_empty() && function.is_empty() => {
                function.clone_from(word);
            }
            // A function without operands as an operand.
            Token::Word(word) => operands.push(Expression::Call(word.clone(), Vec::new())),
            Token::Open => {
                *tokens = rest;
                operands.push(pipeline(tokens));
                continue;
            }
            Token::Fields(names) => {
                let of = operands.pop().unwrap_or(Expression::Dot);
                operands.push(names.iter().cloned().fold(of, field));
            }
            Token::Declare | Token::Assign => {}
        }
        *tokens = rest;
    }
    (function, operands)
}

fn field(of: Expression, name: String) -> Expression {
    Expression::Field(Box::new(of), name)
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    // The token right before the rest, without a space between them.
    let mut previous = None;
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first, previous.as_ref());
        previous.clone_from(&token);
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

/// The token at the start of a text, and its length.
fn token(text: &str, first: char, previous: Option<&Token>) -> (Option<Token>, usize) {
    let one = first.len_utf8();
    let fields = |from: usize| {
        let length = text[from..].find(|c| !is_word(c) && c != '.').unwrap_or(text.len() - from);
        let names = text[from..from + length].split('.').filter(|name| !name.is_empty());
        (names.map(str::to_owned).collect::<Vec<_>>(), from + length)
    };
    match first {
        '(' => (Some(Token::Open), one),
        ')' => (Some(Token::Close), one),
        '|' => (Some(Token::Pipe), one),
        '=' => (Some(Token::Assign), one),
        ':' if text[one..].starts_with('=') => (Some(Token::Declare), 2),
        '"' | '`' | '\'' => {
            let (content, length) = quoted(text, first);
            (Some(Token::Operand(Expression::Text(content))), length)
        }
        '.' => {
            let (names, length) = fields(0);
            if previous == Some(&Token::Close) && !names.is_empty() {
                return (Some(Token::Fields(names)), length);
            }
            (Some(Token::Operand(names.into_iter().fold(Expression::Dot, field))), length)
        }
        '$' => {
            let length = text[one..].find(|c| !is_word(c)).map_or(text.len(), |at| one + at);
            let variable = Expression::Variable(text[one..length].to_owned());
            let (names, length) = fields(length);
            (Some(Token::Operand(names.into_iter().fold(variable, field))), length)
        }
        c if is_word(c) || "+-".contains(c) => {
            let is_part = |c: char| is_word(c) || c == '.' || c == '-' || c == '+';
            let is_number = !c.is_alphabetic() && c != '_';
            let end = |c: char| if is_number { !is_part(c) } else { !is_word(c) };
            let length = text[one..].find(end).map_or(text.len(), |at| one + at);
            let word = text[..length].to_owned();
            let is_constant = is_number || ["true", "false", "nil"].contains(&word.as_str());
            let constant = || Token::Operand(Expression::Constant(word.clone()));
            (Some(if is_constant { constant() } else { Token::Word(word.clone()) }), length)
        }
        _ => (None, one),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The content of a text in quotes, and its length with them.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quote != '`' => match characters.next() {
                Some((_, 'n')) => content.push('\n'),
                Some((_, 't')) => content.push('\t'),
                Some((_, other)) => content.push(other),
                None => break,
            },
            c if c == quote => return (content, at + 1),
            c => content.push(c),
        }
    }
    (content, text.len())
}
