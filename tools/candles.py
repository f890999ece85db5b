"""Draws candles from JSON Lines with window_start, open, high, low and close, newest first."""
import json
import sys

HEIGHT = 14
RISING, FALLING, PLAIN = "\033[32m", "\033[31m", "\033[0m"


def cell(candle, low, high):
    """What a candle shows between two prices: its body, its wick, or nothing."""
    top, bottom = max(candle["open"], candle["close"]), min(candle["open"], candle["close"])
    middle = (low + high) / 2
    if bottom <= high and top >= low and (bottom <= middle <= top or top - bottom < high - low):
        return "█" if top - bottom >= (high - low) / 2 else "━"
    return "│" if candle["low"] <= high and candle["high"] >= low else " "


def main():
    candles = [json.loads(line) for line in sys.stdin][::-1]
    if not candles:
        return
    colours = sys.stdout.isatty()
    low, high = min(c["low"] for c in candles), max(c["high"] for c in candles)
    step = (high - low) / HEIGHT or 1.0
    decimals = 2 if step >= 0.02 else 3
    print(f"\n  {sys.argv[1]}, one-minute candles")
    for row in range(HEIGHT, 0, -1):
        line = ""
        for candle in candles:
            text = cell(candle, low + (row - 1) * step, low + row * step)
            colour = RISING if candle["close"] >= candle["open"] else FALLING
            line += f"{colour}{text}{PLAIN}" if colours and text != " " else text
        print(f"{low + (row - 0.5) * step:10.{decimals}f} ┤{line}")
    first, last = candles[0]["window_start"][11:16], candles[-1]["window_start"][11:16]
    print(" " * 11 + "└" + "─" * len(candles))
    print(" " * 12 + first + last.rjust(max(1, len(candles) - len(first))) + " UTC")


main()
