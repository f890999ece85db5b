// Events in any order and any batches give one table: against a walk through the sorted events.
#include "change_sql.h"

#include <arrow/builder.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>

#include "query/query.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

using Value = std::optional<int64_t>;

struct Event {
  Value key, a, b;
  int64_t sequence = 0;
  std::string operation;

  auto order() const { return std::tuple(sequence, operation == "delete", a, b); }
};

// key, a, b and with history start, end
using Row = std::vector<Value>;
using Table = std::set<Row>;

Schema columns(std::initializer_list<const char*> names) {
  Schema out;
  for (const char* name : names) out.fields.push_back({name, Kind::Long});
  return out;
}

BatchPtr batch_of(const std::vector<Row>& rows, const Schema& schema) {
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    if (schema.fields[i].type.kind != Kind::Long) continue;
    arrow::Int64Builder builder;
    for (const Row& row : rows) {
      EXPECT_TRUE((row[i] ? builder.Append(*row[i]) : builder.AppendNull()).ok());
    }
    arrays.push_back(*builder.Finish());
  }
  return arrow::RecordBatch::Make(to_arrow(schema), static_cast<int64_t>(rows.size()), arrays);
}

Schema event_schema() {
  Schema out = columns({"key", "a", "b", "__sequence"});
  out.fields.push_back({"__operation", Kind::String});
  return out;
}

BatchPtr batch_of(const std::vector<Event>& events) {
  Schema schema = event_schema();
  std::vector<Row> rows;
  arrow::StringBuilder operations;
  for (const Event& event : events) {
    rows.push_back({event.key, event.a, event.b, event.sequence});
    EXPECT_TRUE(operations.Append(event.operation).ok());
  }
  BatchPtr numbers = batch_of(rows, columns({"key", "a", "b", "__sequence"}));
  arrow::ArrayVector arrays = numbers->columns();
  arrays.push_back(*operations.Finish());
  return arrow::RecordBatch::Make(to_arrow(schema), numbers->num_rows(), arrays);
}

query::Input input_of(const BatchPtr& batch, const Schema& schema) {
  query::Input out{.schema = schema, .parts = {}};
  out.parts = [batch](const std::vector<std::string>& names)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    parts.push_back([batch, names]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
      BatchPtr some = TRY(with_columns(batch, names));
      return TRY_ARROW(arrow::RecordBatchReader::Make({some}, some->schema()));
    });
    return parts;
  };
  return out;
}

// Events one after the other, in the order of their sequence.
Table walked(const sql::ChangeRules& rules, std::vector<Event> events) {
  bool fills_a = rules.filled.size() > 1, fills_b = !rules.filled.empty();
  bool tracks_b = rules.tracked.size() > 2;
  Value truncated;
  for (const Event& event : events) {
    if (event.operation == "truncate") truncated = std::max(truncated, Value(event.sequence));
  }
  std::sort(events.begin(), events.end(),
            [](const Event& x, const Event& y) { return x.order() < y.order(); });
  struct State {
    std::optional<std::pair<Value, Value>> now;  // a, b
    std::optional<Row> open;
    std::vector<Row> closed;
  };
  std::map<Value, State> keys;
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    if (event.operation == "truncate" || (truncated && event.sequence <= *truncated)) continue;
    State& state = keys[event.key];
    if (event.operation == "delete") {
      state.now.reset();
    } else {
      auto before = state.now;
      state.now = std::pair(event.a, event.b);
      if (before && fills_a && !event.a) state.now->first = before->first;
      if (before && fills_b && !event.b) state.now->second = before->second;
    }
    bool more = std::any_of(events.begin() + static_cast<int64_t>(i) + 1, events.end(),
                            [&](const Event& later) {
                              return later.key == event.key && later.sequence == event.sequence;
                            });
    if (more) continue;
    Value at = event.sequence;
    bool same = state.open && state.now && (*state.open)[1] == state.now->first &&
                (!tracks_b || (*state.open)[2] == state.now->second);
    if (same) {
      (*state.open)[2] = state.now->second;
      continue;
    }
    if (state.open) {
      (*state.open)[4] = at;
      state.closed.push_back(*state.open);
    }
    state.open.reset();
    if (state.now) state.open = Row{event.key, state.now->first, state.now->second, at, {}};
  }
  Table out;
  for (const auto& [key, state] : keys) {
    if (!rules.keeps_history) {
      if (state.now) out.insert({key, state.now->first, state.now->second});
      continue;
    }
    out.insert(state.closed.begin(), state.closed.end());
    if (state.open) out.insert(*state.open);
  }
  return out;
}

// What a wrong implementation would do; the checks below must see each.
enum class Fault : uint8_t {
  None,
  ForgetsDeletes,
  ForgetsTruncates,
  OrdersByArrival,
  ForgetsRepeats
};

class Target {
 public:
  Target(query::Database& database, sql::ChangeRules rules, Fault fault = Fault::None)
      : database_(database), rules_(std::move(rules)), fault_(fault) {}

  void take(const std::vector<Event>& arrived) {
    for (const Event& event : arrived) {
      if (fault_ == Fault::OrdersByArrival && event.operation != "truncate") {
        events_.push_back(event);
        events_.back().sequence = static_cast<int64_t>(events_.size());
      } else if (fault_ != Fault::ForgetsRepeats || !says_what_holds(event)) {
        events_.push_back(event);
      }
    }
    work_out(arrived, std::any_of(arrived.begin(), arrived.end(), [](const Event& event) {
               return event.operation == "truncate";
             }));
    forget();
  }

  // Of the keys of these events, or of all.
  void work_out(const std::vector<Event>& arrived, bool all) {
    Schema target = columns({"key", "a", "b"});
    if (rules_.keeps_history) {
      target = columns({"key", "a", "b", "__START_AT", "__END_AT"});
    }
    query::Request request{.sql = change_sql(rules_, all),
                           .output = columns({"__cdc_file", "__cdc_place"}),
                           .batch_input = "keys",
                           .batch_schema = columns({"key"})};
    request.output.fields.push_back({"__cdc_here", Kind::Boolean});
    for (const auto& field : target.fields) request.output.fields.push_back(field);
    BatchPtr events = batch_of(events_);
    request.inputs["events"] = input_of(events, event_schema());
    request.inputs["truncates"] = request.inputs["events"];
    std::vector<Row> stored, keys;
    for (const Row& row : rows_) {
      stored.push_back(row);
      stored.back().push_back(0);
      stored.back().push_back(static_cast<int64_t>(stored.size()) - 1);
    }
    for (const Event& event : arrived) keys.push_back({event.key});
    target.fields.push_back({"__cdc_file", Kind::Long});
    target.fields.push_back({"__cdc_place", Kind::Long});
    request.inputs["target"] = input_of(batch_of(stored, target), target);
    auto statement = database_.prepare(std::move(request));
    ASSERT_TRUE(statement) << statement.error().message;
    auto answer = (*statement)->run({batch_of(keys, columns({"key"}))});
    ASSERT_TRUE(answer) << answer.error().message;
    apply(*answer, target.fields.size() - 2);
  }

  // What came so far becomes as few events as say the same, in parts.
  void fold(std::mt19937& random) {
    std::shuffle(events_.begin(), events_.end(), random);
    auto recent = events_.begin() + static_cast<int64_t>(random() % (events_.size() + 1));
    auto input = [](std::vector<Event> some) {
      return input_of(batch_of(some), event_schema());
    };
    std::vector<Event> after(recent, events_.end());
    for (int64_t part = 0, parts = 1 + static_cast<int64_t>(random() % 3); part < parts; ++part) {
      query::Request request{.sql = fold_sql(rules_, part, parts), .output = event_schema()};
      request.inputs["events"] = input({events_.begin(), recent});
      request.inputs["recent"] = input({recent, events_.end()});
      request.inputs["truncates"] = input(events_);
      auto statement = database_.prepare(std::move(request));
      ASSERT_TRUE(statement) << statement.error().message;
      auto answer = (*statement)->run({});
      ASSERT_TRUE(answer) << answer.error().message;
      for (const auto& batch : answer->batches) {
        for (int64_t i = 0; i < batch->num_rows(); ++i) {
          auto value = [&](int column) { return number_at(*batch->column(column), i); };
          after.push_back({value(0), value(1), value(2), *value(3),
                           std::string(*text_at(*batch->column(4), i))});
        }
      }
    }
    ASSERT_LE(after.size(), events_.size());
    folded += events_.size() - after.size();
    events_ = std::move(after);
  }
  size_t folded = 0;

  // Works all rows out once more.
  void take_again() { work_out({}, true); }

  const std::vector<Event>& events() const { return events_; }
  Table rows() const { return Table(rows_.begin(), rows_.end()); }
  size_t count() const { return rows_.size(); }
  size_t edits = 0;

 private:
  // An upsert whose values the key has already.
  bool says_what_holds(const Event& event) const {
    return event.operation == "upsert" &&
           std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
             return row[0] == event.key && row[1] == event.a && row[2] == event.b;
           });
  }

  void forget() {
    std::string_view what = fault_ == Fault::ForgetsDeletes     ? "delete"
                            : fault_ == Fault::ForgetsTruncates ? "truncate"
                                                                : "";
    std::erase_if(events_, [&](const Event& event) { return event.operation == what; });
  }

  void apply(const query::Answer& answer, size_t width) {
    std::set<int64_t> gone;
    std::vector<Row> added;
    for (const auto& batch : answer.batches) {
      for (int64_t i = 0; i < batch->num_rows(); ++i, ++edits) {
        if (auto place = number_at(*batch->column(1), i)) gone.insert(*place);
        if (batch->column(2)->IsNull(i)) continue;
        Row row;
        for (size_t c = 0; c < width; ++c) {
          row.push_back(number_at(*batch->column(static_cast<int>(c) + 3), i));
        }
        added.push_back(row);
      }
    }
    std::vector<Row> kept;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (!gone.contains(static_cast<int64_t>(i))) kept.push_back(rows_[i]);
    }
    kept.insert(kept.end(), added.begin(), added.end());
    rows_ = std::move(kept);
  }

  query::Database& database_;
  sql::ChangeRules rules_;
  Fault fault_;
  std::vector<Event> events_;
  std::vector<Row> rows_;
};

std::vector<Event> made_up(std::mt19937& random, const sql::ChangeRules& rules) {
  auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  std::vector<Event> out;
  auto value = [&]() -> Value { return draw(4) == 0 ? Value() : Value(draw(3)); };
  for (int64_t i = 0, count = 4 + draw(40); i < count; ++i) {
    Event event{.key = draw(9) == 0 ? Value() : Value(draw(3)),
                .a = value(),
                .b = value(),
                .sequence = draw(25),
                .operation = "upsert"};
    if (draw(5) == 0) event.operation = "delete";
    if (rules.truncates && draw(12) == 0) event.operation = "truncate";
    out.push_back(event);
  }
  return out;
}

// No two rows of a key overlap, at most one is open, and a gap is where the key was deleted.
void check_intervals(const Table& rows, const std::vector<Event>& events,
                     const std::string& where) {
  const Row* before = nullptr;
  std::map<Value, int> open;
  auto by_start = [](const Row& x, const Row& y) {
    return std::tie(x[0], x[3]) < std::tie(y[0], y[3]);
  };
  std::vector<Row> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end(), by_start);
  for (const Row& row : sorted) {
    ASSERT_TRUE(row[3]) << where;
    if (row[4]) {
      ASSERT_LT(*row[3], *row[4]) << where;
      bool goes_on = std::any_of(rows.begin(), rows.end(), [&](const Row& other) {
        return other[0] == row[0] && other[3] == row[4];
      });
      bool deleted = std::any_of(events.begin(), events.end(), [&](const Event& event) {
        return event.key == row[0] && event.sequence == row[4] && event.operation == "delete";
      });
      ASSERT_TRUE(goes_on || deleted) << where;
    } else {
      ASSERT_EQ(++open[row[0]], 1) << where;
    }
    if (before && (*before)[0] == row[0]) {
      ASSERT_TRUE((*before)[4]) << where;
      ASSERT_LE(*(*before)[4], *row[3]) << where;
    }
    before = &row;
  }
}

// Events in any order, in batches of up to `batch_max`.
void take_all(Target& target, const std::vector<Event>& events, size_t batch_max,
              std::mt19937& random, const std::function<void()>& after_each = [] {}) {
  for (size_t at = 0; at < events.size();) {
    size_t count = std::min<size_t>(1 + random() % batch_max, events.size() - at);
    auto begin = events.begin() + static_cast<int64_t>(at);
    target.take({begin, begin + static_cast<int64_t>(count)});
    after_each();
    at += count;
  }
}

// Folding changes no row, neither at once nor by what comes after it, if that is later than what
// was folded.
void check_folds(const sql::ChangeRules& rules, uint32_t seeds) {
  auto database = query::Database::open({});
  ASSERT_TRUE(database);
  size_t folded = 0;
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(seed);
    std::vector<Event> events = made_up(random, rules);
    std::vector<Event> early, late;
    for (const Event& event : events) (event.sequence < 13 ? early : late).push_back(event);
    Target target(**database, rules);
    for (bool all : {false, true}) {
      take_all(target, all ? late : early, 9, random);
      ASSERT_EQ(target.rows(), walked(rules, all ? events : early)) << seed;
      for (int again = 0; again < 3; ++again) target.fold(random);
      size_t before = target.edits;
      target.take_again();
      ASSERT_EQ(target.edits, before) << seed;
    }
    folded += target.folded;
  }
  EXPECT_GT(folded, 0u);
}

void check(const sql::ChangeRules& rules, uint32_t seeds) {
  auto database = query::Database::open({});
  ASSERT_TRUE(database);
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(seed);
    std::vector<Event> events = made_up(random, rules);
    Table expected = walked(rules, events);
    for (size_t batch_max : {size_t{1}, size_t{9}, events.size()}) {
      std::string where = fmt::format("seed {}, batches of up to {}", seed, batch_max);
      if (batch_max == 1 && seed % 5 != 0) continue;
      std::shuffle(events.begin(), events.end(), random);
      Target target(**database, rules);
      take_all(target, events, batch_max, random, [&] {
        EXPECT_EQ(target.rows(), walked(rules, target.events())) << where;
        EXPECT_EQ(target.rows().size(), target.count()) << where;
      });
      ASSERT_FALSE(testing::Test::HasFailure()) << where;
      ASSERT_EQ(target.rows(), expected) << where;
      if (rules.keeps_history) check_intervals(target.rows(), events, where);
      size_t before = target.edits;
      target.take({events[0]});  // delivered twice
      ASSERT_EQ(target.edits, before) << where;
    }
  }
}

// Whether the comparison with the walk tells the fault.
bool sees(const sql::ChangeRules& rules, Fault fault) {
  auto database = query::Database::open({});
  EXPECT_TRUE(database);
  for (uint32_t seed = 0; seed < 10; ++seed) {
    std::mt19937 random(seed);
    std::vector<Event> events = made_up(random, rules);
    std::shuffle(events.begin(), events.end(), random);
    Target target(**database, rules, fault);
    take_all(target, events, 9, random);
    if (target.rows() != walked(rules, events)) return true;
  }
  return false;
}

const sql::ChangeRules kNewest{.keys = {"key"}, .columns = {"key", "a", "b"}};

TEST(ChangeSql, TheNewestRowOfEachKey) { check(kNewest, 15); }

TEST(ChangeSql, TheNewestRowAfterTruncates) {
  sql::ChangeRules rules = kNewest;
  rules.truncates = true;
  rules.filled = {"b"};
  check(rules, 15);
}

TEST(ChangeSql, History) {
  sql::ChangeRules rules = kNewest;
  rules.keeps_history = true;
  rules.tracked = rules.columns;
  check(rules, 15);
}

TEST(ChangeSql, HistoryWithNullsOfOneColumnFilled) {
  sql::ChangeRules rules = kNewest;
  rules.keeps_history = true;
  rules.tracked = rules.columns;
  rules.filled = {"b"};
  check(rules, 10);
}

TEST(ChangeSql, TheNewestRowWithNullsFilled) {
  sql::ChangeRules rules = kNewest;
  rules.filled = {"a", "b"};
  check(rules, 10);
}

TEST(ChangeSql, FoldedEventsSayTheSame) {
  for (bool history : {false, true}) {
    for (bool fills : {false, true}) {
      sql::ChangeRules rules = kNewest;
      rules.keeps_history = history;
      rules.truncates = !history;
      rules.tracked = fills ? std::vector<std::string>{"key", "a"} : rules.columns;
      if (fills) rules.filled = {"a", "b"};
      check_folds(rules, 12);
    }
  }
}

TEST(ChangeSql, TheChecksSeeWhatWouldBeWrong) {
  sql::ChangeRules history = kNewest, truncated = kNewest;
  history.keeps_history = true;
  history.tracked = history.columns;
  truncated.truncates = true;
  for (const auto& rules : {kNewest, history}) {
    EXPECT_TRUE(sees(rules, Fault::ForgetsDeletes));
    EXPECT_TRUE(sees(rules, Fault::OrdersByArrival));
    EXPECT_TRUE(sees(rules, Fault::ForgetsRepeats));
    EXPECT_FALSE(sees(rules, Fault::None));
  }
  EXPECT_TRUE(sees(truncated, Fault::ForgetsTruncates));
}

TEST(ChangeSql, HistoryOfSomeColumnsWithNullsFilled) {
  sql::ChangeRules rules = kNewest;
  rules.keeps_history = true;
  rules.tracked = {"key", "a"};
  rules.filled = {"a", "b"};
  check(rules, 25);
}

TEST(ChangeSql, NamesAreQuoted) {
  sql::ChangeRules rules{.keys = {"a \"b"}, .columns = {"a \"b", "from"}};
  std::string text = change_sql(rules, false);
  EXPECT_NE(text.find("\"a \"\"b\""), std::string::npos);
  EXPECT_NE(text.find("w.\"from\""), std::string::npos);
}

}  // namespace
}  // namespace ticklake::engine
