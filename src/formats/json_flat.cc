#include "formats/json_flat.h"

#include <algorithm>
#include <cstring>

namespace ticklake::formats {
namespace {

using S = Scalar::Kind;

// Nonzero in the bytes of `word` that end a plain run: quote, backslash, control and non-ASCII
// bytes. The lowest marked byte is right; those above it may be marked wrongly.
uint64_t special_bytes(uint64_t word) {
  constexpr uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  auto zero_bytes = [](uint64_t x) { return (x - ones) & ~x; };
  uint64_t quote = zero_bytes(word ^ (ones * '"'));
  uint64_t backslash = zero_bytes(word ^ (ones * '\\'));
  uint64_t control = (word - ones * 0x20) & ~word;
  return (quote | backslash | control | word) & highs;
}

}  // namespace

FlatReader::FlatReader(const std::vector<Field>& fields) : scalars_(fields.size()) {
  for (const Field& field : fields) {
    std::string quoted;
    append_json_string(quoted, field.name);
    quoted_.push_back(quoted + ':');
    names_.push_back(field.name);
  }
  for (size_t i = 0; i <= fields.size(); ++i) after_.push_back(static_cast<int>(i));
  after_.back() = kUnknown;
}

const char* FlatReader::skip_blanks(const char* at) const {
  while (at != end_ && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

// The quote that closes a string of plain ASCII, or nullptr.
const char* FlatReader::plain_string(const char* at) const {
  while (end_ - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    if (uint64_t special = special_bytes(word)) {
      at += __builtin_ctzll(special) / 8;
      return *at == '"' ? at : nullptr;
    }
    at += 8;
  }
  for (; at != end_; ++at) {
    auto c = static_cast<unsigned char>(*at);
    if (c == '"') return at;
    if (c == '\\' || c < 0x20 || c >= 0x80) return nullptr;
  }
  return nullptr;
}

// Past the colon after the key, with the field that it names; nullptr where there is no plain key.
const char* FlatReader::key(const char* at, int expected, int& field) {
  if (expected >= 0) {
    const std::string& quoted = quoted_[static_cast<size_t>(expected)];
    if (static_cast<size_t>(end_ - at) >= quoted.size() &&
        std::memcmp(at, quoted.data(), quoted.size()) == 0) {
      field = expected;
      return at + quoted.size();
    }
  }
  if (at == end_ || *at != '"') return nullptr;
  const char* close = plain_string(at + 1);
  if (!close) return nullptr;
  std::string_view name(at + 1, static_cast<size_t>(close - at - 1));
  at = skip_blanks(close + 1);
  if (at == end_ || *at != ':') return nullptr;
  field = kUnknown;
  if (expected >= 0 && names_[static_cast<size_t>(expected)] == name) {
    field = expected;
  } else if (auto found = std::find(names_.begin(), names_.end(), name); found != names_.end()) {
    field = static_cast<int>(found - names_.begin());
  }
  return at + 1;
}

// Past the scalar, or nullptr.
const char* FlatReader::value(const char* at, Scalar& out) const {
  if (at == end_) return nullptr;
  auto word = [&](std::string_view expected, S kind) -> const char* {
    if (static_cast<size_t>(end_ - at) < expected.size()) return nullptr;
    if (std::memcmp(at, expected.data(), expected.size()) != 0) return nullptr;
    out = {kind, {at, expected.size()}};
    return at + expected.size();
  };
  switch (*at) {
    case '"': {
      const char* close = plain_string(at + 1);
      if (!close) return nullptr;
      out = {S::String, {at + 1, static_cast<size_t>(close - at - 1)}};
      return close + 1;
    }
    case 't': return word("true", S::True);
    case 'f': return word("false", S::False);
    case 'n': return word("null", S::Null);
    default: {
      bool real;
      const char* stop = scan_number(at, end_, real);
      if (!stop) return nullptr;
      out = {real ? S::Real : S::Integer, {at, static_cast<size_t>(stop - at)}};
      return stop;
    }
  }
}

bool FlatReader::read(std::string_view text) {
  end_ = text.data() + text.size();
  met_unknown_ = false;
  std::fill(scalars_.begin(), scalars_.end(), Scalar());
  const char* at = skip_blanks(text.data());
  if (at == end_ || *at != '{') return false;
  at = skip_blanks(at + 1);
  if (at != end_ && *at == '}') return skip_blanks(at + 1) == end_;
  int last = kUnknown;
  while (true) {
    int field = kNoKey;
    int& expected = after_[static_cast<size_t>(last + 1)];
    at = key(at, expected, field);
    if (!at) return false;
    Scalar scalar;
    at = value(skip_blanks(at), scalar);
    if (!at) return false;
    if (field >= 0) {
      Scalar& slot = scalars_[static_cast<size_t>(field)];
      if (slot.kind != S::Missing) return false;
      slot = scalar;
      expected = field;
      last = field;
    } else {
      met_unknown_ = true;
    }
    at = skip_blanks(at);
    if (at == end_) return false;
    if (*at == '}') return skip_blanks(at + 1) == end_;
    if (*at != ',') return false;
    at = skip_blanks(at + 1);
  }
}

}  // namespace ticklake::formats
