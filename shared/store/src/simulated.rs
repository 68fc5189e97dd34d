//! A table in memory for simulations: what DynamoDB does with the writes of this crate, expressions included. The
//! tests on the embedded DynamoDB make the same writes, so that the two cannot drift apart unnoticed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemInput,
    types::{AttributeValue, TransactWriteItem},
};

use crate::{
    call::Item,
    keys::{PARTITION_KEY, SORT_KEY},
};

pub(crate) type Key = (String, String);

/// The key of an item; without a sort key where the table has none.
pub(crate) fn key_of(item: &Item) -> Key {
    let part = |name| item.get(name).map(|value| value.as_s().unwrap().clone());
    (part(PARTITION_KEY).unwrap(), part(SORT_KEY).unwrap_or_default())
}

/// One table for all: the keys of tables differ by their prefixes.
#[derive(Default)]
pub(crate) struct Table(pub(crate) BTreeMap<Key, Item>);

type Names = Option<HashMap<String, String>>;

impl Table {
    pub(crate) fn get(&self, key: &Item) -> Option<Item> {
        self.0.get(&key_of(key)).cloned()
    }

    /// The items of a partition whose sort keys begin like this, in their order.
    pub(crate) fn query(&self, partition: &str, prefix: &str) -> Vec<Item> {
        let from = (partition.to_owned(), prefix.to_owned());
        let items = self.0.range(from..);
        let items =
            items.take_while(|((own, sort), _)| own == partition && sort.starts_with(prefix));
        items.map(|(_, item)| item.clone()).collect()
    }

    /// All or nothing, each write on its condition; otherwise the numbers of those that do not hold.
    pub(crate) fn transact(&mut self, writes: &[TransactWriteItem]) -> Result<(), Vec<usize>> {
        assert!((1..=100).contains(&writes.len()), "{} writes", writes.len());
        let (mut keys, mut after, mut failed) = (BTreeSet::new(), Vec::new(), Vec::new());
        for (at, write) in writes.iter().enumerate() {
            let (key, holds, item) = self.try_write(write);
            assert!(keys.insert(key.clone()), "two writes of one item: {key:?}");
            if holds {
                after.extend(item.map(|item| (key, item)));
            } else {
                failed.push(at);
            }
        }
        if !failed.is_empty() {
            return Err(failed);
        }
        for (key, item) in after {
            match item {
                Some(item) => drop(self.0.insert(key, item)),
                None => drop(self.0.remove(&key)),
            }
        }
        Ok(())
    }

    /// The key, whether the condition holds, and what becomes of the item if it changes.
    fn try_write(&self, write: &TransactWriteItem) -> (Key, bool, Option<Option<Item>>) {
        if let Some(put) = &write.put {
            let key = key_of(&put.item);
            let scope =
                Scope::new(&put.expression_attribute_names, &put.expression_attribute_values);
            let holds = scope.holds(put.condition_expression.as_deref(), self.0.get(&key));
            return (key, holds, Some(Some(put.item.clone())));
        }
        if let Some(delete) = &write.delete {
            let key = key_of(&delete.key);
            let names = &delete.expression_attribute_names;
            let scope = Scope::new(names, &delete.expression_attribute_values);
            let holds = scope.holds(delete.condition_expression.as_deref(), self.0.get(&key));
            return (key, holds, Some(None));
        }
        if let Some(check) = &write.condition_check {
            let key = key_of(&check.key);
            let names = &check.expression_attribute_names;
            let scope = Scope::new(names, &check.expression_attribute_values);
            let holds = scope.holds(Some(&check.condition_expression), self.0.get(&key));
            return (key, holds, None);
        }
        let update = write.update.as_ref().unwrap();
        let key = key_of(&update.key);
        let scope =
            Scope::new(&update.expression_attribute_names, &update.expression_attribute_values);
        let holds = scope.holds(update.condition_expression.as_deref(), self.0.get(&key));
        let item = self.0.get(&key).unwrap_or(&update.key).clone();
        let item = holds.then(|| Some(scope.updated(&update.update_expression, item)));
        (key, holds, item)
    }

    /// An update by itself; whether its condition held.
    pub(crate) fn update(&mut self, update: &UpdateItemInput) -> bool {
        let key = update.key.clone().unwrap();
        let scope =
            Scope::new(&update.expression_attribute_names, &update.expression_attribute_values);
        if !scope.holds(update.condition_expression.as_deref(), self.0.get(&key_of(&key))) {
            return false;
        }
        let item = self.0.get(&key_of(&key)).unwrap_or(&key).clone();
        let item = scope.updated(update.update_expression.as_deref().unwrap(), item);
        self.0.insert(key_of(&key), item);
        true
    }
}

/// What the placeholders of an expression stand for.
struct Scope<'a> {
    names: Option<&'a HashMap<String, String>>,
    values: Option<&'a Item>,
}

fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut is_word = false;
    for char in expression.chars() {
        let continues = match char {
            '#' | ':' | '.' | '_' | '-' => true,
            char => char.is_ascii_alphanumeric(),
        };
        let pairs = matches!(
            (tokens.last().map(String::as_str), char),
            (Some("<"), '=' | '>') | (Some(">"), '=')
        );
        if char.is_whitespace() {
            is_word = false;
        } else if (continues && is_word) || (pairs && !is_word) {
            tokens.last_mut().unwrap().push(char);
        } else {
            tokens.push(char.to_string());
            is_word = continues;
        }
        if !continues {
            is_word = false;
        }
    }
    tokens
}

impl<'a> Scope<'a> {
    fn new(names: &'a Names, values: &'a Option<Item>) -> Self {
        Self { names: names.as_ref(), values: values.as_ref() }
    }

    fn holds(&self, condition: Option<&str>, item: Option<&Item>) -> bool {
        let Some(condition) = condition else { return true };
        let tokens = tokens(condition);
        let mut at = 0;
        let holds = self.any(&tokens, &mut at, item);
        assert_eq!(at, tokens.len(), "{condition}");
        holds
    }

    fn any(&self, tokens: &[String], at: &mut usize, item: Option<&Item>) -> bool {
        let mut holds = self.all(tokens, at, item);
        while tokens.get(*at).is_some_and(|token| token == "OR") {
            *at += 1;
            holds |= self.all(tokens, at, item);
        }
        holds
    }

    fn all(&self, tokens: &[String], at: &mut usize, item: Option<&Item>) -> bool {
        let mut holds = self.one(tokens, at, item);
        while tokens.get(*at).is_some_and(|token| token == "AND") {
            *at += 1;
            holds &= self.one(tokens, at, item);
        }
        holds
    }

    fn one(&self, tokens: &[String], at: &mut usize, item: Option<&Item>) -> bool {
        let mut next = || {
            *at += 1;
            tokens[*at - 1].as_str()
        };
        match next() {
            "(" => {
                let holds = self.any(tokens, at, item);
                assert_eq!(tokens[*at], ")");
                *at += 1;
                holds
            }
            function @ ("attribute_exists" | "attribute_not_exists") => {
                let exists = {
                    next();
                    self.path(next(), item).is_some()
                };
                next();
                exists == (function == "attribute_exists")
            }
            "contains" => {
                next();
                let list = self.path(next(), item);
                next();
                let wanted = self.path(next(), item);
                next();
                match (list, wanted) {
                    (Some(AttributeValue::L(list)), Some(wanted)) => list.contains(&wanted),
                    _ => false,
                }
            }
            "size" => {
                next();
                let list = self.path(next(), item);
                next();
                let (operator, wanted) = (next(), self.path(next(), item));
                let size = match list {
                    Some(AttributeValue::L(list)) => {
                        Some(AttributeValue::N(list.len().to_string()))
                    }
                    _ => None,
                };
                compare(size, operator, wanted)
            }
            operand => {
                let left = self.path(operand, item);
                let (operator, right) = (next(), self.path(next(), item));
                compare(left, operator, right)
            }
        }
    }

    fn name(&self, segment: &str) -> String {
        match segment.starts_with('#') {
            true => self.names.and_then(|names| names.get(segment)).unwrap().clone(),
            false => segment.to_owned(),
        }
    }

    fn path(&self, path: &str, item: Option<&Item>) -> Option<AttributeValue> {
        if path.starts_with(':') {
            return Some(self.values.and_then(|values| values.get(path)).unwrap().clone());
        }
        let mut segments = path.split('.');
        let mut value = item?.get(&self.name(segments.next()?))?;
        for segment in segments {
            let AttributeValue::M(members) = value else { return None };
            value = members.get(&self.name(segment))?;
        }
        Some(value.clone())
    }

    fn updated(&self, expression: &str, item: Item) -> Item {
        let tokens = tokens(expression);
        let (before, mut item, mut clause) = (item.clone(), item, "");
        let mut rest = tokens.iter().map(String::as_str).peekable();
        while let Some(token) = rest.next() {
            if matches!(token, "SET" | "REMOVE" | "ADD") {
                clause = token;
                continue;
            }
            let path = if token == "," { rest.next().unwrap() } else { token };
            match clause {
                "SET" => {
                    assert_eq!(rest.next(), Some("="), "{expression}");
                    let mut value = self.path(rest.next().unwrap(), Some(&before)).unwrap();
                    if rest.next_if_eq(&"+").is_some() {
                        let more = self.path(rest.next().unwrap(), Some(&before));
                        value = sum(Some(value), more.unwrap());
                    }
                    self.set(path, value, &mut item);
                }
                "REMOVE" => drop(item.remove(&self.name(path))),
                "ADD" => {
                    let name = self.name(path);
                    let more = self.path(rest.next().unwrap(), Some(&before)).unwrap();
                    let value = sum(item.get(&name).cloned(), more);
                    item.insert(name, value);
                }
                _ => panic!("{expression}"),
            }
        }
        item
    }

    fn set(&self, path: &str, value: AttributeValue, item: &mut Item) {
        let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut place = item;
        for segment in parents.split('.').filter(|segment| !segment.is_empty()) {
            let Some(AttributeValue::M(members)) = place.get_mut(&self.name(segment)) else {
                panic!("{path}: no map to set it in");
            };
            place = members;
        }
        place.insert(self.name(last), value);
    }
}

fn number(value: &AttributeValue) -> Option<i128> {
    value.as_n().ok().map(|number| number.parse().unwrap())
}

fn compare(left: Option<AttributeValue>, operator: &str, right: Option<AttributeValue>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    let order = match (number(&left), number(&right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ if operator == "=" => return left == right,
        _ => left.as_s().unwrap().cmp(right.as_s().unwrap()),
    };
    match operator {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        other => panic!("{other}"),
    }
}

fn sum(before: Option<AttributeValue>, more: AttributeValue) -> AttributeValue {
    match (before, more) {
        (None, more) => more,
        (Some(AttributeValue::Ns(mut numbers)), AttributeValue::Ns(more)) => {
            numbers.extend(more);
            numbers.sort_unstable();
            numbers.dedup();
            AttributeValue::Ns(numbers)
        }
        (Some(before), more) => {
            AttributeValue::N((number(&before).unwrap() + number(&more).unwrap()).to_string())
        }
    }
}

#[test]
fn expressions_mean_what_dynamodb_makes_of_them() {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: i32| AttributeValue::N(number.to_string());
    let list = AttributeValue::L(vec![text("a"), text("b")]);
    let item = Item::from([
        ("n".to_owned(), number(9)),
        ("m".to_owned(), AttributeValue::M(Item::from([("x-y".to_owned(), list)]))),
    ]);
    let names = Some(HashMap::from([("#x".to_owned(), "x-y".to_owned())]));
    let values = [(":ten", number(10)), (":a", text("a")), (":two", number(2))];
    let values = Some(values.map(|(name, value)| (name.to_owned(), value)).into());
    let scope = Scope::new(&names, &values);
    for (condition, holds) in [
        ("n < :ten AND attribute_exists(m.#x)", true),
        ("n >= :ten OR (n <> :ten AND contains(m.#x, :a))", true),
        ("size(m.#x) = :two", true),
        ("attribute_not_exists(n) OR n > :ten", false),
        ("missing = :ten", false),
    ] {
        assert_eq!(scope.holds(Some(condition), Some(&item)), holds, "{condition}");
    }
    let updated = scope.updated("SET n = n + :two, m.#x = :a REMOVE gone ADD other :ten", item);
    assert_eq!((&updated["n"], &updated["other"]), (&number(11), &number(10)));
    let AttributeValue::M(inner) = &updated["m"] else { panic!() };
    assert_eq!(inner["x-y"], text("a"));
}
