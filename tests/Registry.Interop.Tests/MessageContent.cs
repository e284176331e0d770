using System.Text;
using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>Deterministic message content, the same as in <c>peers/content.mjs</c>.</summary>
internal static class MessageContent
{
    private const string TextUnit = "aé€𝄞"; // one to four bytes each, 10 together

    /// <summary>Binary message number <paramref name="index"/>.</summary>
    public static byte[] Binary(int index, int size)
    {
        var bytes = new byte[size];
        for (var i = 0; i < size; i++)
            bytes[i] = (byte)(index * 31 + i * 7 + (i >> 8));
        return bytes;
    }

    /// <summary>Text message number <paramref name="index"/>, as UTF-8.</summary>
    public static byte[] Text(int index, int size)
    {
        var units = Math.Max(0, size - 1) / 10;
        var text = new StringBuilder(size).Insert(0, TextUnit, units).Append((char)('a' + index % 26), size - units * 10);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public static byte[] Of(DataChannelMessageType type, int index, int size) =>
        type == DataChannelMessageType.Text ? Text(index, size) : Binary(index, size);

    /// <summary>FNV-1a, 32 bits.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var hash = 0x811c9dc5;
        foreach (var value in bytes)
            hash = (hash ^ value) * 0x01000193;
        return hash;
    }
}
