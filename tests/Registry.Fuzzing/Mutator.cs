using System.Buffers.Binary;

namespace Registry.Fuzzing;

/// <summary>Makes an input from others: a random number of small changes of every kind (AFL's havoc), and now and then two inputs spliced.</summary>
internal sealed class Mutator(Random random, int maxLength, IReadOnlyList<byte[]> tokens)
{
    private static readonly byte[] Bytes = [0, 1, 2, 3, 4, 16, 31, 32, 63, 64, 100, 127, 128, 129, 192, 254, 255];
    private static readonly ushort[] Words = [0, 1, 127, 128, 255, 256, 512, 1000, 1024, 1199, 1200, 4096, 32767, 32768, 65534, 65535];
    private static readonly uint[] Longs = [0, 1, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF];

    public byte[] Mutate(byte[] input, byte[] other)
    {
        var bytes = new List<byte>(random.Next(8) == 0 ? Splice(input, other) : input);
        for (var changes = 1 << random.Next(1, 6); changes > 0; changes--)
            Change(bytes, other);
        if (bytes.Count > maxLength)
            bytes.RemoveRange(maxLength, bytes.Count - maxLength);
        return [.. bytes];
    }

    private byte[] Splice(byte[] first, byte[] second) =>
        [.. first.AsSpan(0, random.Next(first.Length + 1)), .. second.AsSpan(random.Next(second.Length + 1))];

    private void Change(List<byte> bytes, byte[] other)
    {
        var at = random.Next(bytes.Count + 1);
        var span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes)[at..];
        switch (random.Next(12))
        {
            case 0 when !span.IsEmpty:
                span[0] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when !span.IsEmpty:
                span[0] = Bytes[random.Next(Bytes.Length)];
                break;
            case 2 when !span.IsEmpty:
                span[0] += (byte)random.Next(-16, 17);
                break;
            case 3 when !span.IsEmpty:
                span[0] = (byte)random.Next(256);
                break;
            case 4 when span.Length >= 2:
                BinaryPrimitives.WriteUInt16BigEndian(span, Words[random.Next(Words.Length)]);
                break;
            case 5 when span.Length >= 2:
                BinaryPrimitives.WriteUInt16BigEndian(span, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(span) + random.Next(-32, 33)));
                break;
            case 6 when span.Length >= 4:
                BinaryPrimitives.WriteUInt32BigEndian(span, Longs[random.Next(Longs.Length)]);
                break;
            case 7:
                bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 17)));
                break;
            case 8:
                Insert(bytes, at, Part(bytes.ToArray()));
                break;
            case 9:
                Insert(bytes, at, Part(other));
                break;
            case 10 when tokens.Count > 0:
                Insert(bytes, at, tokens[random.Next(tokens.Count)]);
                break;
            default:
                Insert(bytes, at, Enumerable.Repeat((byte)random.Next(256), random.Next(1, random.Next(16) == 0 ? 1000 : 9)).ToArray());
                break;
        }
    }

    private void Insert(List<byte> bytes, int at, byte[] part)
    {
        if (bytes.Count + part.Length <= maxLength)
            bytes.InsertRange(at, part);
    }

    private byte[] Part(byte[] bytes)
    {
        var start = random.Next(bytes.Length + 1);
        return bytes.AsSpan(start, random.Next(Math.Min(bytes.Length - start, 128) + 1)).ToArray();
    }
}
