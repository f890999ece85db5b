// Spark's hash() (murmur3, 32 bits), xxhash64(), crc32() and sha2() over one value. The hash of a
// row is the hash of its last column whose seed is the hash of those before.
#include <openssl/evp.h>

#include <bit>
#include <cstring>

#include "base/hash.h"
#include "query/by_row.h"

namespace ticklake::query {
namespace {

template <typename T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87u;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9u;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5u;

uint64_t xx_round(uint64_t sum, uint64_t input) {
  return std::rotl(sum + input * kPrime2, 31) * kPrime1;
}

uint64_t xx_of_blocks(std::string_view bytes, uint64_t seed, size_t& done) {
  uint64_t sums[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
  for (; done + 32 <= bytes.size(); done += 32) {
    for (size_t i = 0; i < 4; ++i)
      sums[i] = xx_round(sums[i], load<uint64_t>(bytes.data() + done + 8 * i));
  }
  uint64_t hash = std::rotl(sums[0], 1) + std::rotl(sums[1], 7) + std::rotl(sums[2], 12) +
                  std::rotl(sums[3], 18);
  for (uint64_t sum : sums) hash = (hash ^ xx_round(0, sum)) * kPrime1 + kPrime4;
  return hash;
}

int64_t xx(std::string_view bytes, int64_t seed) {
  size_t done = 0;
  auto start = static_cast<uint64_t>(seed);
  uint64_t hash = bytes.size() >= 32 ? xx_of_blocks(bytes, start, done) : start + kPrime5;
  hash += bytes.size();
  for (; done + 8 <= bytes.size(); done += 8) {
    hash ^= xx_round(0, load<uint64_t>(bytes.data() + done));
    hash = std::rotl(hash, 27) * kPrime1 + kPrime4;
  }
  if (done + 4 <= bytes.size()) {
    hash ^= load<uint32_t>(bytes.data() + done) * kPrime1;
    hash = std::rotl(hash, 23) * kPrime2 + kPrime3;
    done += 4;
  }
  for (; done < bytes.size(); ++done) {
    hash ^= static_cast<uint8_t>(bytes[done]) * kPrime5;
    hash = std::rotl(hash, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return static_cast<int64_t>(hash ^ (hash >> 32));
}

uint32_t murmur_mixed(uint32_t hash, uint32_t word) {
  word = std::rotl(word * 0xCC9E2D51u, 15) * 0x1B873593u;
  return std::rotl(hash ^ word, 13) * 5 + 0xE6546B64u;
}

// Whole words, then each byte left over as a word of its own: Spark's, not the reference's.
int32_t murmur(std::string_view bytes, int32_t seed) {
  auto hash = static_cast<uint32_t>(seed);
  size_t done = 0;
  for (; done + 4 <= bytes.size(); done += 4)
    hash = murmur_mixed(hash, load<uint32_t>(bytes.data() + done));
  for (; done < bytes.size(); ++done)
    hash = murmur_mixed(hash, static_cast<uint32_t>(static_cast<int8_t>(bytes[done])));
  hash ^= static_cast<uint32_t>(bytes.size());
  hash = (hash ^ (hash >> 16)) * 0x85EBCA6Bu;
  hash = (hash ^ (hash >> 13)) * 0xC2B2AE35u;
  return static_cast<int32_t>(hash ^ (hash >> 16));
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// One bit pattern for both zeros and for all NaNs.
template <typename T>
T normal(T value) {
  if (value != value) return std::numeric_limits<T>::quiet_NaN();
  return value == 0 ? T{0} : value;
}

// The shortest big-endian two's complement of a number of up to 38 digits.
std::string integer_bytes(std::string_view digits) {
  bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  __extension__ unsigned __int128 value = 0;
  for (char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  if (negative) value = -value;
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<uint8_t>(value >> shift));
  char fill = negative ? '\xFF' : '\0';
  size_t skip = 0;
  while (skip < 15 && bytes[skip] == fill && ((bytes[skip + 1] & 0x80) != 0) == negative) ++skip;
  return bytes.substr(skip);
}

template <typename Seed, auto hash>
struct Hashes {
  static Seed of_int(int32_t value, Seed seed) { return hash(bytes_of(value), seed); }
  static Seed of_long(int64_t value, Seed seed) { return hash(bytes_of(value), seed); }
  static Seed of_float(float value, Seed seed) {
    float one = normal(value);
    return hash(bytes_of(one), seed);
  }
  static Seed of_double(double value, Seed seed) {
    double one = normal(value);
    return hash(bytes_of(one), seed);
  }
  static Seed of_text(std::string_view value, Seed seed) { return hash(value, seed); }
  static Seed of_bytes(Bytes value, Seed seed) { return hash(value.bytes, seed); }
  static Seed of_digits(std::string_view digits, Seed seed) {
    return hash(integer_bytes(digits), seed);
  }
};

int64_t crc32_of(Bytes value) { return static_cast<int64_t>(crc32(value.bytes)); }

std::optional<std::string> sha2(Bytes value, int32_t bits) {
  const EVP_MD* method = bits == 224                ? EVP_sha224()
                         : bits == 384              ? EVP_sha384()
                         : bits == 512              ? EVP_sha512()
                         : bits == 256 || bits == 0 ? EVP_sha256()
                                                    : nullptr;
  if (method == nullptr) return std::nullopt;
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(value.bytes.data(), value.bytes.size(), sum, &size, method, nullptr);
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += digits[sum[i] >> 4];
    text += digits[sum[i] & 15];
  }
  return text;
}

}  // namespace

std::vector<Native> hash_natives() {
  using Xx = Hashes<int64_t, xx>;
  using Murmur = Hashes<int32_t, murmur>;
  return {
      by_row<Xx::of_int>("ticklake_xx_int"),
      by_row<Xx::of_long>("ticklake_xx_long"),
      by_row<Xx::of_float>("ticklake_xx_float"),
      by_row<Xx::of_double>("ticklake_xx_double"),
      by_row<Xx::of_text>("ticklake_xx_text"),
      by_row<Xx::of_bytes>("ticklake_xx_bytes"),
      by_row<Xx::of_digits>("ticklake_xx_digits"),
      by_row<Murmur::of_int>("ticklake_murmur_int"),
      by_row<Murmur::of_long>("ticklake_murmur_long"),
      by_row<Murmur::of_float>("ticklake_murmur_float"),
      by_row<Murmur::of_double>("ticklake_murmur_double"),
      by_row<Murmur::of_text>("ticklake_murmur_text"),
      by_row<Murmur::of_bytes>("ticklake_murmur_bytes"),
      by_row<Murmur::of_digits>("ticklake_murmur_digits"),
      by_row<crc32_of>("ticklake_crc32"),
      by_row<sha2>("ticklake_sha2"),
  };
}

}  // namespace ticklake::query
