#include "delta/deletion_vector.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/hash.h"
#include "base/uuid.h"
#include "delta/paths.h"
#include "model/arrow.h"

namespace ticklake::delta {
namespace {

constexpr uint32_t kMagic = 1681511377;
constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint32_t kCookieWithRuns = 12347;
constexpr size_t kOffsetsFrom = 4;  // containers, from which bitmaps with runs have offsets
constexpr size_t kArrayMax = 4096;  // values of a container that is a list
constexpr size_t kBitmapBytes = 8192;
constexpr char kFileVersion = 1;
constexpr int64_t kContainerRows = 1 << 16;

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

template <typename T>
void append_little(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
  }
}

void append_big(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

uint32_t big(std::string_view bytes) {
  uint32_t out = 0;
  for (char c : bytes.substr(0, 4)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

Error damaged(const std::string& why) {
  return Error{Code::Corrupt, "the deletion vector is damaged: " + why};
}

// Little-endian numbers, one after the other; never past the end.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}

  template <typename T>
  Result<T> next() {
    std::string_view raw = TRY(take(sizeof(T)));
    uint64_t out = 0;
    for (size_t i = sizeof(T); i > 0; --i) out = out << 8 | static_cast<uint8_t>(raw[i - 1]);
    return static_cast<T>(out);
  }
  Result<std::string_view> take(size_t count) {
    if (count > left_.size()) return damaged("it ends too early");
    std::string_view out = left_.substr(0, count);
    left_.remove_prefix(count);
    return out;
  }

 private:
  std::string_view left_;
};

struct Container {
  int64_t first;  // row of its value 0
  size_t count;
  bool runs;
};

// What stands before the containers of a 32-bit bitmap whose rows begin at `first`.
Result<std::vector<Container>> read_header(Bytes& bytes, int64_t first) {
  auto cookie = TRY(bytes.next<uint32_t>());
  bool with_runs = (cookie & 0xFFFF) == kCookieWithRuns;
  if (!with_runs && cookie != kCookieWithoutRuns) return damaged("it is no Roaring bitmap");
  size_t size = with_runs ? (cookie >> 16) + 1 : TRY(bytes.next<uint32_t>());
  if (size > static_cast<size_t>(kContainerRows)) return damaged("it has too many containers");
  std::string_view run_flags;
  if (with_runs) run_flags = TRY(bytes.take((size + 7) / 8));
  std::vector<Container> out;
  int64_t last_key = -1;
  for (size_t i = 0; i < size; ++i) {
    int64_t key = TRY(bytes.next<uint16_t>());
    size_t count = size_t{TRY(bytes.next<uint16_t>())} + 1;
    if (key <= last_key) return damaged("its containers are out of order");
    last_key = key;
    bool runs = with_runs && (static_cast<uint8_t>(run_flags[i / 8]) >> (i % 8) & 1) != 0;
    out.push_back({first + key * kContainerRows, count, runs});
  }
  if (!with_runs || size >= kOffsetsFrom) TRY(bytes.take(size * 4));
  return out;
}

Result<void> add_rows(const Container& container, int64_t from, int64_t count, int64_t rows_max,
                      RowSet& out) {
  int64_t first = container.first + from;
  if (from + count > kContainerRows) return damaged("a run leaves its container");
  if (first + count > rows_max) {
    return damaged(
        fmt::format("it names row {}, and its file has {}", first + count - 1, rows_max));
  }
  out.add(first, count);
  return {};
}

Result<void> read_bits(Bytes& bytes, const Container& container, int64_t rows_max, RowSet& out) {
  std::string_view bits = TRY(bytes.take(kBitmapBytes));
  for (size_t i = 0; i < kBitmapBytes; ++i) {
    for (auto byte = static_cast<uint8_t>(bits[i]); byte != 0; byte &= byte - 1) {
      auto bit = static_cast<int64_t>(i * 8) + std::countr_zero(byte);
      TRY(add_rows(container, bit, 1, rows_max, out));
    }
  }
  return {};
}

Result<void> read_container(Bytes& bytes, const Container& container, int64_t rows_max,
                            RowSet& out) {
  if (container.runs) {
    size_t runs = TRY(bytes.next<uint16_t>());
    for (size_t i = 0; i < runs; ++i) {
      int64_t from = TRY(bytes.next<uint16_t>());
      int64_t more = TRY(bytes.next<uint16_t>());
      TRY(add_rows(container, from, more + 1, rows_max, out));
    }
    return {};
  }
  if (container.count > kArrayMax) return read_bits(bytes, container, rows_max, out);
  for (size_t i = 0; i < container.count; ++i) {
    int64_t value = TRY(bytes.next<uint16_t>());
    TRY(add_rows(container, value, 1, rows_max, out));
  }
  return {};
}

void append_container(std::string& out, const std::vector<uint16_t>& values) {
  if (values.size() <= kArrayMax) {
    for (uint16_t value : values) append_little(out, value);
    return;
  }
  std::string bits(kBitmapBytes, '\0');
  for (uint16_t value : values) {
    bits[value / 8] = static_cast<char>(static_cast<uint8_t>(bits[value / 8]) | 1 << (value % 8));
  }
  out += bits;
}

// A 32-bit bitmap without runs: header, places, containers.
std::string roaring(const std::vector<int64_t>& rows) {
  std::vector<std::pair<uint16_t, std::vector<uint16_t>>> containers;
  for (int64_t row : rows) {
    auto key = static_cast<uint16_t>(row / kContainerRows);
    if (containers.empty() || containers.back().first != key) containers.push_back({key, {}});
    containers.back().second.push_back(static_cast<uint16_t>(row % kContainerRows));
  }
  std::string header;
  append_little(header, kCookieWithoutRuns);
  append_little(header, static_cast<uint32_t>(containers.size()));
  std::string body, places;
  size_t start = header.size() + containers.size() * 8;
  for (const auto& [key, values] : containers) {
    append_little(header, key);
    append_little(header, static_cast<uint16_t>(values.size() - 1));
    append_little(places, static_cast<uint32_t>(start + body.size()));
    append_container(body, values);
  }
  return header + places + body;
}

std::string uuid_bytes(const std::string& uuid) {
  std::string out;
  for (size_t i = 0; i < uuid.size();) {
    if (uuid[i] == '-') {
      ++i;
      continue;
    }
    out += static_cast<char>(std::stoi(uuid.substr(i, 2), nullptr, 16));
    i += 2;
  }
  return out;
}

std::string uuid_text(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
  }
  return out;
}

std::string vector_name(const std::string& uuid) {
  return fmt::format("deletion_vector_{}.bin", uuid);
}

// The vector's bytes from its file: size, bytes, checksum.
Result<std::string> stored_bytes(io::FileStore& files, const io::Path& path,
                                 const DeletionVector& vector) {
  auto file = TRY(files.open(path));
  auto size = static_cast<int64_t>(vector.size_bytes);
  int64_t all = TRY_ARROW(file->GetSize());
  int64_t at = vector.offset.value_or(0);
  if (at + size + 8 > all) return damaged("its file is too short");
  auto buffer = TRY_ARROW(file->ReadAt(at, size + 8));
  if (buffer->size() != size + 8) return damaged("its file is too short");
  std::string_view raw(reinterpret_cast<const char*>(buffer->data()),
                       static_cast<size_t>(buffer->size()));
  if (big(raw) != static_cast<uint32_t>(size)) return damaged("its file gives another size");
  std::string bytes(raw.substr(4, static_cast<size_t>(size)));
  if (big(raw.substr(raw.size() - 4)) != crc32(bytes)) return damaged("its checksum is wrong");
  return bytes;
}

}  // namespace

void RowSet::add(int64_t row) { add(row, 1); }

void RowSet::add(int64_t first, int64_t count) {
  auto words = static_cast<size_t>(first + count + 63) / 64;
  if (words > words_.size()) words_.resize(words);
  for (int64_t row = first; row < first + count; ++row) {
    words_[static_cast<size_t>(row) / 64] |= uint64_t{1} << (static_cast<uint64_t>(row) % 64);
  }
}

int64_t RowSet::size() const {
  int64_t out = 0;
  for (uint64_t word : words_) out += std::popcount(word);
  return out;
}

std::vector<int64_t> RowSet::rows() const {
  std::vector<int64_t> out;
  for (size_t i = 0; i < words_.size(); ++i) {
    for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
      out.push_back(static_cast<int64_t>(i * 64) + std::countr_zero(word));
    }
  }
  return out;
}

std::string to_bytes(const RowSet& rows) {
  std::string out;
  append_little(out, kMagic);
  auto numbers = rows.rows();
  append_little(out, uint64_t{numbers.empty() ? 0U : 1U});
  if (numbers.empty()) return out;
  append_little(out, uint32_t{0});  // the upper half of all row numbers
  return out + roaring(numbers);
}

Result<RowSet> rows_from_bytes(std::string_view text, int64_t rows_max) {
  Bytes bytes(text);
  if (rows_max > kVectorRowsMax) {
    return Error{Code::Unsupported, "a file of more than 2^32 rows has a deletion vector"};
  }
  if (TRY(bytes.next<uint32_t>()) != kMagic) return damaged("it begins with another magic number");
  RowSet out;
  auto buckets = TRY(bytes.next<uint64_t>());
  int64_t last_key = -1;
  for (uint64_t i = 0; i < buckets; ++i) {
    int64_t key = TRY(bytes.next<uint32_t>());
    if (key <= last_key || key >= int64_t{1} << 31) return damaged("its buckets are out of order");
    last_key = key;
    for (const Container& container : TRY(read_header(bytes, key << 32))) {
      TRY(read_container(bytes, container, rows_max, out));
    }
  }
  return out;
}

std::string to_base85(std::string_view bytes) {
  std::string padded(bytes);
  padded.resize((padded.size() + 3) / 4 * 4);
  std::string out;
  for (size_t i = 0; i < padded.size(); i += 4) {
    uint32_t word = big(std::string_view(padded).substr(i));
    std::array<char, 5> digits{};
    for (size_t k = 5; k > 0; --k, word /= 85) digits[k - 1] = kDigits[word % 85];
    out.append(digits.data(), digits.size());
  }
  return out;
}

Result<std::string> from_base85(std::string_view text) {
  if (text.size() % 5 != 0) return damaged("its text is not of a length that Base85 has");
  std::string out;
  for (size_t i = 0; i < text.size(); i += 5) {
    uint64_t word = 0;
    for (char c : text.substr(i, 5)) {
      size_t digit = kDigits.find(c);
      if (digit == std::string_view::npos) return damaged("its text is not Base85");
      word = word * 85 + digit;
    }
    if (word > UINT32_MAX) return damaged("its text is not Base85");
    append_big(out, static_cast<uint32_t>(word));
  }
  return out;
}

std::optional<std::string> vector_file(const DeletionVector& vector) {
  constexpr size_t kUuidDigits = 20;
  if (vector.storage == 'p') return uri_decoded(vector.place);
  if (vector.storage != 'u' || vector.place.size() < kUuidDigits) return std::nullopt;
  size_t prefix = vector.place.size() - kUuidDigits;
  auto bytes = from_base85(std::string_view(vector.place).substr(prefix));
  if (!bytes) return std::nullopt;
  std::string name = vector_name(uuid_text(*bytes));
  return prefix == 0 ? name : vector.place.substr(0, prefix) + "/" + name;
}

Result<RowSet> read_vector(io::FileStore& files, const io::Path& root, const DeletionVector& vector,
                           int64_t file_rows) {
  std::string bytes;
  if (vector.storage == 'i') {
    bytes = TRY(from_base85(vector.place));
    if (static_cast<size_t>(vector.size_bytes) > bytes.size()) return damaged("it ends too early");
    bytes.resize(static_cast<size_t>(vector.size_bytes));
  } else {
    auto path = vector_file(vector);
    if (!path) return damaged("its file's name is not a UUID in Base85");
    bytes = TRY(stored_bytes(files, file_location(root, *path), vector));
  }
  RowSet out = TRY(rows_from_bytes(bytes, file_rows));
  if (out.size() == vector.cardinality) return out;
  return damaged(
      fmt::format("it holds {} rows, and the log says {}", out.size(), vector.cardinality));
}

VectorFile::VectorFile() : uuid_(new_uuid()), path_(vector_name(uuid_)), bytes_(1, kFileVersion) {}

DeletionVector VectorFile::add(const RowSet& rows) {
  std::string bytes = to_bytes(rows);
  DeletionVector out{.storage = 'u', .place = to_base85(uuid_bytes(uuid_))};
  out.offset = static_cast<int32_t>(bytes_.size());
  out.size_bytes = static_cast<int32_t>(bytes.size());
  out.cardinality = rows.size();
  append_big(bytes_, static_cast<uint32_t>(bytes.size()));
  bytes_ += bytes;
  append_big(bytes_, crc32(bytes));
  return out;
}

Result<void> VectorFile::write(io::FileStore& files, const io::Path& root) const {
  return files.put_if_absent(io::join(root, path_), bytes_);
}

}  // namespace ticklake::delta
