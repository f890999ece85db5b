#include "app/script_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "app/output.h"
#include "base/text.h"
#include "base/time.h"
#include "formats/formats.h"

namespace ticklake::app {
namespace {

constexpr size_t kShownMax = 20;    // rows of each kind
constexpr size_t kPairedMax = 500;  // rows left over on either side that are set beside each other

using Row = std::vector<std::string>;

// The cells of a line, without the blanks around them. A '|' within double quotes is text.
Row split_cells(std::string_view line) {
  line = trimmed(line);
  bool framed = line.size() > 1 && line.starts_with('|') && line.ends_with('|');
  if (framed) line = line.substr(1, line.size() - 2);
  Row cells;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == '|' && !quoted) {
      cells.emplace_back(trimmed(line.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  cells.emplace_back(trimmed(line.substr(begin)));
  return cells;
}

// A line such as "-----+----" or "|---|:--|" between names and rows.
bool is_rule(std::string_view line) {
  return line.find("--") != std::string_view::npos &&
         line.find_first_not_of("-+|: \t") == std::string_view::npos;
}

// Where two cells have one key, they are one value.
std::string key_of(const std::string& cell, const Type& type) {
  if (cell == "NULL") return std::string(1, '\0');
  if (cell.starts_with('"')) {
    auto text = nlohmann::json::parse(cell, nullptr, false);
    if (text.is_string()) return text.get<std::string>();
  }
  if (type.is_numeric()) {
    char* end = nullptr;
    double number = std::strtod(cell.c_str(), &end);
    bool is_floating = type.kind == Kind::Float || type.kind == Kind::Double;
    if (is_floating && *end == '\0' && !cell.empty()) return fmt::format("{}", number + 0.0);
    size_t point = cell.find('.');
    if (point == std::string::npos) return cell;
    size_t digits = cell.find_last_not_of("0.");
    if (digits == std::string::npos) return "0";
    return cell.substr(0, std::max(digits + 1, point));
  }
  if (type.kind == Kind::Timestamp || type.kind == Kind::TimestampNtz) {
    if (auto time = parse_timestamp(cell)) return std::to_string(time->micros);
  }
  return cell;
}

struct Difference {
  std::vector<size_t> missing;                       // of the expected rows
  std::vector<size_t> unexpected;                    // of those found
  std::vector<std::pair<size_t, size_t>> differing;  // expected, found
  size_t same = 0;
  bool order_only = false;
};

class Comparison {
 public:
  Comparison(const ExpectedRows& expected, const CellRows& found)
      : expected_(expected), found_(found) {
    for (const auto& row : expected.rows) expected_keys_.push_back(keys(row));
    for (const auto& row : found.rows) found_keys_.push_back(keys(row));
  }

  Difference compare(bool ordered) const {
    Difference out;
    std::multimap<Row, size_t> unmatched;
    for (size_t i = 0; i < found_keys_.size(); ++i) unmatched.emplace(found_keys_[i], i);
    for (size_t i = 0; i < expected_keys_.size(); ++i) {
      auto same = unmatched.find(expected_keys_[i]);
      if (same == unmatched.end()) {
        out.missing.push_back(i);
      } else {
        unmatched.erase(same);
        ++out.same;
      }
    }
    for (const auto& row : unmatched) out.unexpected.push_back(row.second);
    std::ranges::sort(out.unexpected);
    bool same_rows = out.missing.empty() && out.unexpected.empty();
    if (ordered && same_rows) out.order_only = expected_keys_ != found_keys_;
    if (std::max(out.missing.size(), out.unexpected.size()) <= kPairedMax) pair_up(out);
    return out;
  }

  bool cell_differs(size_t expected, size_t found, size_t column) const {
    return expected_keys_[expected][column] != found_keys_[found][column];
  }

  size_t first_out_of_order() const {
    size_t row = 0;
    while (expected_keys_[row] == found_keys_[row]) ++row;
    return row;
  }

 private:
  Row keys(const Row& row) const {
    Row out;
    for (size_t i = 0; i < row.size(); ++i) {
      out.push_back(key_of(row[i], found_.schema.fields[i].type));
    }
    return out;
  }

  size_t equal_cells(size_t expected, size_t found) const {
    size_t count = 0;
    for (size_t i = 0; i < expected_keys_[expected].size(); ++i) {
      if (!cell_differs(expected, found, i)) ++count;
    }
    return count;
  }

  // Rows that agree in half of their columns or more are shown beside each other, the nearest
  // first.
  void pair_up(Difference& out) const {
    size_t columns = expected_.columns.size();
    for (size_t wanted = columns; columns > 1 && wanted-- > 1 && wanted * 2 >= columns;) {
      for (size_t i = 0; i < out.missing.size();) {
        size_t row = out.missing[i];
        auto near = std::ranges::find_if(
            out.unexpected, [&](size_t found) { return equal_cells(row, found) == wanted; });
        if (near == out.unexpected.end()) {
          ++i;
          continue;
        }
        out.differing.emplace_back(row, *near);
        out.unexpected.erase(near);
        out.missing.erase(out.missing.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    std::ranges::sort(out.differing);
  }

  const ExpectedRows& expected_;
  const CellRows& found_;
  std::vector<Row> expected_keys_, found_keys_;
};

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, characters(text)), ' ');
}

std::vector<size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters(row[i]));
  }
  return widths;
}

std::string row_text(const Row& row, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    line += (i == 0 ? "" : " | ") + padded(row[i], widths[i]);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

// Lines with a label each, their cells under each other.
class Labelled {
 public:
  explicit Labelled(Row header) { add("", std::move(header)); }

  void add(std::string label, Row row) {
    labels_.push_back(std::move(label));
    rows_.push_back(std::move(row));
  }
  // Under the cells of these columns of the line before.
  void mark(const std::vector<size_t>& columns) { marks_[rows_.size()] = columns; }

  std::string text() const {
    auto widths = widths_of(rows_);
    size_t label_width = 0;
    for (const auto& label : labels_) label_width = std::max(label_width, characters(label));
    std::string out;
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::string line = "  " + padded(labels_[i], label_width) + "  " + row_text(rows_[i], widths);
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      auto marked = marks_.find(i + 1);
      if (marked == marks_.end()) continue;
      Row carets(widths.size());
      for (size_t column : marked->second) {
        carets[column] = std::string(std::max<size_t>(1, characters(rows_[i][column])), '^');
      }
      std::string under;
      for (size_t c = 0; c < carets.size(); ++c) {
        under += (c == 0 ? "" : "   ") + padded(carets[c], widths[c]);
      }
      under = std::string(label_width + 4, ' ') + under;
      out += under.substr(0, under.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
  }

 private:
  std::vector<std::string> labels_;
  std::vector<Row> rows_;
  std::map<size_t, std::vector<size_t>> marks_;  // by the number of lines above
};

std::string summary(const Difference& difference) {
  std::vector<std::string> parts;
  auto add = [&](size_t count, std::string_view what) {
    if (count > 0) parts.push_back(fmt::format("{} {}", counted(count, "row"), what));
  };
  add(difference.missing.size(), "missing");
  add(difference.unexpected.size(), "unexpected");
  add(difference.differing.size(), "with other values");
  return fmt::format("{}; {} as expected", joined(parts, ", "), difference.same);
}

}  // namespace

std::string text_cell(const std::string& text) {
  bool is_plain = !text.empty() && text != "NULL" && !text.starts_with('"') && !is_rule(text) &&
                  std::ranges::none_of(text, [](unsigned char c) { return c < 0x20; });
  // It stands between two others as it would in a row.
  is_plain = is_plain && split_cells("a | " + text + " | b") == Row{"a", text, "b"};
  return is_plain ? text : json_text(text);
}

Result<CellRows> cell_rows(const Schema& schema, const Batches& batches) {
  CellRows out{.schema = schema, .rows = {}};
  for (const auto& batch : batches) {
    size_t first = out.rows.size();
    out.rows.resize(first + static_cast<size_t>(batch->num_rows()));
    for (int column = 0; column < batch->num_columns(); ++column) {
      const Field& field = schema.fields[static_cast<size_t>(column)];
      auto alone = arrow::RecordBatch::Make(to_arrow(Schema{{field}}), batch->num_rows(),
                                            {batch->column(column)});
      size_t name_size = json_text(field.name).size() + 2;  // {"name":
      auto lines = split(TRY(formats::to_json_lines(*alone, Schema{{field}})), '\n');
      for (size_t row = 0; row < static_cast<size_t>(batch->num_rows()); ++row) {
        std::string value = lines[row].substr(name_size, lines[row].size() - name_size - 1);
        bool is_text = value.starts_with('"');
        if (is_text) value = text_cell(nlohmann::json::parse(value).get<std::string>());
        out.rows[first + row].push_back(value == "null" && !is_text ? "NULL" : value);
      }
    }
  }
  return out;
}

Result<ExpectedRows> parse_rows(const std::vector<std::string>& block, int first_line,
                                const std::string& file) {
  ExpectedRows out;
  int line = first_line - 1;
  for (const auto& text : block) {
    ++line;
    if (trimmed(text).empty() || is_rule(text)) continue;
    Row cells = split_cells(text);
    if (out.columns.empty()) {
      out.columns = std::move(cells);
      continue;
    }
    if (cells.size() != out.columns.size()) {
      return Error{Code::Invalid,
                   fmt::format("{}:{}: this row has {}, the line of names has {}; put a cell that "
                               "holds a | into double quotes",
                               file, line, counted(cells.size(), "cell"), out.columns.size())};
    }
    out.rows.push_back(std::move(cells));
    out.lines.push_back(line);
  }
  if (out.columns.empty()) {
    return Error{
        Code::Invalid,
        fmt::format("{}:{}: no rows are given; begin with a line of the columns' names, as "
                    "in: symbol | price (ticklake test --update writes what is there)",
                    file, first_line - 1)};
  }
  return out;
}

std::vector<std::string> drawn_rows(const CellRows& rows) {
  Row header;
  for (const auto& field : rows.schema.fields) header.push_back(field.name);
  std::vector<Row> all{std::move(header)};
  all.insert(all.end(), rows.rows.begin(), rows.rows.end());
  auto widths = widths_of(all);
  std::vector<std::string> lines;
  for (const auto& row : all) lines.push_back(row_text(row, widths));
  return lines;
}

std::string difference(const ExpectedRows& expected, const CellRows& found, bool ordered) {
  Comparison comparison(expected, found);
  Difference difference = comparison.compare(ordered);
  Labelled lines(expected.columns);
  if (difference.order_only) {
    size_t row = comparison.first_out_of_order();
    lines.add(fmt::format("expected, line {}", expected.lines[row]), expected.rows[row]);
    lines.add("found there", found.rows[row]);
    return "the rows are right, their order is not\n" + lines.text();
  }
  if (expected.rows.size() == difference.same && found.rows.size() == difference.same) return "";
  size_t hidden = 0;
  auto shown = [&hidden](const auto& all) {
    size_t count = std::min(all.size(), kShownMax);
    hidden += all.size() - count;
    return std::span(all).first(count);
  };
  for (size_t row : shown(difference.missing)) {
    lines.add(fmt::format("missing, line {}", expected.lines[row]), expected.rows[row]);
  }
  for (size_t row : shown(difference.unexpected)) lines.add("unexpected", found.rows[row]);
  for (const auto& [wanted, there] : shown(difference.differing)) {
    lines.add(fmt::format("expected, line {}", expected.lines[wanted]), expected.rows[wanted]);
    lines.add("found", found.rows[there]);
    std::vector<size_t> columns;
    for (size_t i = 0; i < expected.columns.size(); ++i) {
      if (comparison.cell_differs(wanted, there, i)) columns.push_back(i);
    }
    lines.mark(columns);
  }
  std::string more = hidden > 0 ? fmt::format("  and {} more\n", counted(hidden, "row")) : "";
  return summary(difference) + "\n" + lines.text() + more;
}

}  // namespace ticklake::app
