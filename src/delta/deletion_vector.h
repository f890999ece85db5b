// Deletion vectors: sets of row numbers of a file, in PROTOCOL.md's "Deletion Vector Format".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "delta/delta.h"

namespace ticklake::delta {

inline constexpr int64_t kVectorRowsMax = int64_t{1} << 32;  // of a file that has a vector

// Row numbers below a limit; a bit each.
class RowSet {
 public:
  void add(int64_t row);
  void add(int64_t first, int64_t count);
  bool has(int64_t row) const {
    auto word = static_cast<size_t>(row) / 64;
    return word < words_.size() && (words_[word] >> (static_cast<uint64_t>(row) % 64) & 1) != 0;
  }
  int64_t size() const;
  std::vector<int64_t> rows() const;  // ascending

 private:
  std::vector<uint64_t> words_;
};

// The bytes that descriptors name: magic number and 64-bit Roaring bitmap.
std::string to_bytes(const RowSet& rows);

// Corrupt: says what is wrong with the bytes. All row numbers must be below `rows_max`.
Result<RowSet> rows_from_bytes(std::string_view bytes, int64_t rows_max);

// Base85 as the log has it (Z85), of bytes filled up with zeros to a multiple of four; Corrupt
// where a text is none.
std::string to_base85(std::string_view bytes);
Result<std::string> from_base85(std::string_view text);

// The file that holds the vector, as paths of the log are: relative to the root or absolute.
// Nothing for an inline one, and for one whose name is no UUID.
std::optional<std::string> vector_file(const DeletionVector& vector);

// Reads the rows of a vector of a file of so many rows. Corrupt where the vector is damaged.
Result<RowSet> read_vector(io::FileStore& files, const io::Path& root, const DeletionVector& vector,
                           int64_t file_rows);

// One file of vectors being written below the root.
class VectorFile {
 public:
  VectorFile();
  DeletionVector add(const RowSet& rows);
  bool empty() const { return bytes_.size() == 1; }
  size_t bytes() const { return bytes_.size(); }
  const std::string& path() const { return path_; }  // relative to the root
  Result<void> write(io::FileStore& files, const io::Path& root) const;

 private:
  std::string uuid_;
  std::string path_;
  std::string bytes_;
};

}  // namespace ticklake::delta
