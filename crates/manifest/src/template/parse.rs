//! From tokens to nodes: everything that Go would find out when it runs the template is found out here.

use super::lex::{Piece, Token, split};
use super::{Condition, Function, Node, Part, Place, Source, TemplateError};
use crate::names::SecretName;

pub(super) fn parse(bytes: &[u8], place: Place) -> Result<Vec<Node>, TemplateError> {
    let pieces = split(bytes)?;
    let mut parser = Parser {
        pieces: pieces.into_iter(),
        place,
        line: 1,
    };
    match parser.list(0)? {
        (nodes, Stop::Source) => Ok(nodes),
        (_, Stop::End) => Err(parser.error("`end` without `if`")),
        (_, Stop::Else(_)) => Err(parser.error("`else` without `if`")),
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    place: Place,
    line: usize,
}

/// What ended a list of nodes.
enum Stop {
    Source,
    End,
    Else(Vec<Token>),
}

/// What an expression gives before it is put to use.
enum Expression {
    Value(Source),
    Secrets { previous: bool },
    Encoded(Function, Source),
    Text(String),
    Integer(i64),
    Truth(Condition),
}

impl Parser {
    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, Stop), TemplateError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (line, mut tokens) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action { line, tokens } => (line, tokens),
            };
            self.line = line;
            match tokens.first() {
                None => return Err(self.error("missing value for command")),
                Some(Token::Word(word)) if word == "end" => {
                    return match tokens.len() {
                        1 => Ok((nodes, Stop::End)),
                        _ => Err(self.error("`end` stands alone")),
                    };
                }
                Some(Token::Word(word)) if word == "else" => {
                    tokens.remove(0);
                    return Ok((nodes, Stop::Else(tokens)));
                }
                Some(Token::Word(word)) if word == "if" => {
                    tokens.remove(0);
                    nodes.push(self.branch(&tokens, depth)?);
                }
                Some(Token::Word(word)) if UNSUPPORTED.contains(&word.as_str()) => {
                    return Err(self.error(format!("`{word}` is not supported")));
                }
                Some(_) => nodes.push(self.action(&tokens)?),
            }
        }
        Ok((nodes, Stop::Source))
    }

    fn branch(&mut self, condition: &[Token], depth: usize) -> Result<Node, TemplateError> {
        let opened = self.line;
        let mut branches = Vec::new();
        let mut condition = self.condition(condition)?;
        loop {
            let (nodes, stop) = self.list(depth + 1)?;
            branches.push((condition, nodes));
            match stop {
                Stop::End => {
                    return Ok(Node::If {
                        branches,
                        otherwise: Vec::new(),
                    });
                }
                Stop::Source => {
                    return Err(TemplateError {
                        line: opened,
                        message: "`if` without `end`".to_owned(),
                    });
                }
                Stop::Else(tokens) if tokens.is_empty() => break,
                Stop::Else(tokens) => match tokens.split_first() {
                    Some((Token::Word(word), rest)) if word == "if" => condition = self.condition(rest)?,
                    _ => return Err(self.error("after `else` only `if` is supported")),
                },
            }
        }
        match self.list(depth + 1)? {
            (otherwise, Stop::End) => Ok(Node::If { branches, otherwise }),
            (_, Stop::Else(_)) => Err(self.error("`else` after `else`")),
            (_, Stop::Source) => Err(TemplateError {
                line: opened,
                message: "`if` without `end`".to_owned(),
            }),
        }
    }

    fn action(&self, tokens: &[Token]) -> Result<Node, TemplateError> {
        match self.expression(tokens)? {
            Expression::Encoded(function, source) => Ok(Node::Value(function, source)),
            Expression::Text(text) => Ok(Node::Literal(text)),
            Expression::Integer(number) => Ok(Node::Literal(number.to_string())),
            Expression::Value(_) | Expression::Secrets { .. } => Err(self.error(format!(
                "a value is printed through a function: {}",
                self.functions()
            ))),
            Expression::Truth(_) => {
                Err(self.error("`and`, `or`, `not`, `true` and `false` stand in conditions only"))
            }
        }
    }

    fn condition(&self, tokens: &[Token]) -> Result<Condition, TemplateError> {
        let expression = self.expression(tokens)?;
        self.truth(expression)
    }

    fn truth(&self, expression: Expression) -> Result<Condition, TemplateError> {
        match expression {
            Expression::Value(source) | Expression::Encoded(_, source) => Ok(Condition::Present(source)),
            Expression::Text(text) => Ok(Condition::Constant(!text.is_empty())),
            Expression::Integer(number) => Ok(Condition::Constant(number != 0)),
            Expression::Truth(condition) => Ok(condition),
            Expression::Secrets { .. } => Err(self.error("`.Secrets` as a condition is not supported")),
        }
    }

    fn expression(&self, tokens: &[Token]) -> Result<Expression, TemplateError> {
        let mut at = 0;
        let expression = self.pipeline(tokens, &mut at, 0)?;
        match tokens.get(at) {
            None => Ok(expression),
            Some(_) => Err(self.error("unexpected `)`")),
        }
    }

    /// Reads up to the end or an unopened `)`, which stays.
    fn pipeline(&self, tokens: &[Token], at: &mut usize, depth: usize) -> Result<Expression, TemplateError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let mut piped: Option<Expression> = None;
        loop {
            piped = Some(self.command(tokens, at, depth, piped)?);
            match tokens.get(*at) {
                Some(Token::Pipe) => *at += 1,
                _ => break,
            }
        }
        piped.ok_or_else(|| self.error("missing value for command"))
    }

    fn command(
        &self,
        tokens: &[Token],
        at: &mut usize,
        depth: usize,
        piped: Option<Expression>,
    ) -> Result<Expression, TemplateError> {
        let word = match tokens.get(*at) {
            Some(Token::Word(word)) if !matches!(word.as_str(), "true" | "false" | "nil") => {
                *at += 1;
                Some(word.as_str())
            }
            _ => None,
        };
        let mut operands = Vec::new();
        while let Some(operand) = self.operand(tokens, at, depth)? {
            operands.push(operand);
        }
        match (word, piped) {
            (Some(word), piped) => {
                operands.extend(piped);
                self.call(word, operands)
            }
            (None, Some(_)) => Err(self.error("only a function can follow `|`")),
            (None, None) => {
                let mut operands = operands.into_iter();
                match (operands.next(), operands.next()) {
                    (Some(only), None) => Ok(only),
                    (None, _) => Err(self.error("missing value for command")),
                    (Some(_), Some(_)) => {
                        Err(self.error("a value takes no arguments: the function stands in front"))
                    }
                }
            }
        }
    }

    fn operand(
        &self,
        tokens: &[Token],
        at: &mut usize,
        depth: usize,
    ) -> Result<Option<Expression>, TemplateError> {
        let Some(token) = tokens.get(*at) else {
            return Ok(None);
        };
        let expression = match token {
            Token::Pipe | Token::Close(_) => return Ok(None),
            Token::Path(path) => self.path(path)?,
            Token::Text(text) => Expression::Text(text.clone()),
            Token::Integer(number) => Expression::Integer(*number),
            Token::Word(word) => match word.as_str() {
                "true" => Expression::Truth(Condition::Constant(true)),
                "false" => Expression::Truth(Condition::Constant(false)),
                other => {
                    return Err(self.error(format!("`{other}` as an argument: put a call in parentheses")));
                }
            },
            Token::Open => {
                *at += 1;
                let inner = self.pipeline(tokens, at, depth + 1)?;
                match tokens.get(*at) {
                    Some(Token::Close(path)) => self.fields(inner, path)?,
                    _ => return Err(self.error("unclosed `(`")),
                }
            }
        };
        *at += 1;
        Ok(Some(expression))
    }

    fn call(&self, name: &str, mut arguments: Vec<Expression>) -> Result<Expression, TemplateError> {
        let function = match (name, self.place) {
            ("pem", _) => Function::Pem,
            ("hex", _) => Function::Hex,
            ("base64", _) => Function::Base64,
            ("raw", Place::File) => Function::Raw,
            ("string", Place::Env) => Function::Text,
            ("raw", Place::Env) | ("string", Place::File) => {
                let place = if self.place == Place::Env {
                    "variables"
                } else {
                    "files"
                };
                let known = self.functions();
                return Err(self.error(format!(
                    "function `{name}` is not defined for {place}: there are {known}"
                )));
            }
            ("and" | "or" | "not", _) => return self.logic(name, arguments),
            ("index", _) => return self.index(arguments),
            (name, _) if GO_FUNCTIONS.contains(&name) => {
                return Err(self.error(format!("function `{name}` of Go is not supported")));
            }
            _ => {
                return Err(self.error(format!(
                    "function `{name}` is not defined: there are {}",
                    self.functions()
                )));
            }
        };
        match (arguments.pop(), arguments.is_empty()) {
            (Some(Expression::Value(source)), true) => self.encode(function, source),
            _ => Err(self.error(format!("`{name}` takes one secret or a part of one"))),
        }
    }

    fn encode(&self, function: Function, source: Source) -> Result<Expression, TemplateError> {
        let whole = matches!(
            source,
            Source::Secret {
                part: Part::Whole,
                ..
            } | Source::Marble(Part::Whole)
        );
        let is_secret = matches!(
            source,
            Source::Secret {
                part: Part::Whole,
                ..
            }
        );
        match function {
            Function::Pem if whole => Err(self.error(
                "invalid secret type for pem encoding: name a part, `.Cert`, `.Public` or `.Private`",
            )),
            Function::Text if !is_secret => {
                Err(self.error("`string` takes a secret of type plain, without naming a part"))
            }
            _ => Ok(Expression::Encoded(function, source)),
        }
    }

    fn logic(&self, name: &str, arguments: Vec<Expression>) -> Result<Expression, TemplateError> {
        let mut conditions = Vec::with_capacity(arguments.len());
        for argument in arguments {
            conditions.push(self.truth(argument)?);
        }
        let condition = match (name, conditions.len()) {
            (_, 0) => return Err(self.error(format!("`{name}` takes arguments"))),
            ("and", _) => Condition::All(conditions),
            ("or", _) => Condition::Any(conditions),
            (_, 1) => Condition::Not(Box::new(conditions.remove(0))),
            _ => return Err(self.error("`not` takes one argument")),
        };
        Ok(Expression::Truth(condition))
    }

    fn index(&self, arguments: Vec<Expression>) -> Result<Expression, TemplateError> {
        match <[Expression; 2]>::try_from(arguments) {
            Ok([Expression::Secrets { previous }, Expression::Text(name)]) => {
                Ok(Expression::Value(Source::Secret {
                    name: SecretName::from(name),
                    part: Part::Whole,
                    previous,
                }))
            }
            _ => Err(self.error("`index` takes `.Secrets` or `.Previous.Secrets` and a name in quotes")),
        }
    }

    fn path(&self, path: &[String]) -> Result<Expression, TemplateError> {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = |source| Ok(Expression::Value(source));
        match words.as_slice() {
            ["MarbleRun", "RootCA", "Cert"] => value(Source::RootCa),
            ["MarbleRun", "CoordinatorRoot", "Cert"] => value(Source::CoordinatorRoot),
            ["MarbleRun", "CoordinatorIntermediate", "Cert"] => value(Source::CoordinatorIntermediate),
            ["MarbleRun", "MarbleCert"] => value(Source::Marble(Part::Whole)),
            ["MarbleRun", "MarbleCert", part] => value(Source::Marble(self.part(part)?)),
            ["Secrets"] => Ok(Expression::Secrets { previous: false }),
            ["Previous", "Secrets"] => Ok(Expression::Secrets { previous: true }),
            ["Secrets", name, rest @ ..] => self.secret(name, false, rest),
            ["Previous", "Secrets", name, rest @ ..] => self.secret(name, true, rest),
            [] => Err(self.error("`.` alone is not supported")),
            _ => {
                let known = ".MarbleRun.{RootCA,CoordinatorRoot,CoordinatorIntermediate}.Cert, \
                             .MarbleRun.MarbleCert.{Cert,Public,Private}, .Secrets.NAME, .Previous.Secrets.NAME";
                Err(self.error(format!("there is no `.{}`; there are {known}", words.join("."))))
            }
        }
    }

    fn secret(&self, name: &str, previous: bool, rest: &[&str]) -> Result<Expression, TemplateError> {
        let part = match rest {
            [] => Part::Whole,
            [part] => self.part(part)?,
            _ => return Err(self.error(format!("there is no `.{}` of a secret", rest.join(".")))),
        };
        Ok(Expression::Value(Source::Secret {
            name: SecretName::from(name),
            part,
            previous,
        }))
    }

    /// Fields of what stands in parentheses.
    fn fields(&self, inner: Expression, path: &[String]) -> Result<Expression, TemplateError> {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match (inner, words.as_slice()) {
            (inner, []) => Ok(inner),
            (
                Expression::Value(Source::Secret {
                    name,
                    part: Part::Whole,
                    previous,
                }),
                rest,
            ) => self.secret(name.as_str(), previous, rest),
            (Expression::Secrets { previous }, [name, rest @ ..]) => self.secret(name, previous, rest),
            (_, [first, ..]) => Err(self.error(format!("`.{first}` of this is not supported"))),
        }
    }

    fn part(&self, name: &str) -> Result<Part, TemplateError> {
        match name {
            "Cert" => Ok(Part::Certificate),
            "Public" => Ok(Part::Public),
            "Private" => Ok(Part::Private),
            other => Err(self.error(format!(
                "there is no `.{other}` here: there are .Cert, .Public and .Private"
            ))),
        }
    }

    fn functions(&self) -> &'static str {
        match self.place {
            Place::File => "pem, hex, raw and base64",
            Place::Env => "pem, hex, string and base64",
        }
    }

    fn error(&self, message: impl Into<String>) -> TemplateError {
        TemplateError {
            line: self.line,
            message: message.into(),
        }
    }
}

const DEPTH_MAX: usize = 16;
const UNSUPPORTED: &[&str] = &[
    "range", "with", "define", "template", "block", "break", "continue",
];
const GO_FUNCTIONS: &[&str] = &[
    "call", "eq", "ge", "gt", "html", "js", "le", "len", "lt", "ne", "print", "printf", "println", "slice",
    "urlquery",
];
