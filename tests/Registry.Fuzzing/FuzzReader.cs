namespace Registry.Fuzzing;

/// <summary>Reads an input as a list of steps; behind its end everything is zero.</summary>
internal ref struct FuzzReader(ReadOnlySpan<byte> input)
{
    private ReadOnlySpan<byte> rest = input;

    public readonly bool IsAtEnd => rest.IsEmpty;

    public byte Byte()
    {
        if (rest.IsEmpty)
            return 0;
        var value = rest[0];
        rest = rest[1..];
        return value;
    }

    public ushort UInt16() => (ushort)((Byte() << 8) | Byte());

    /// <summary>Up to that many bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int length)
    {
        var taken = rest[..Math.Min(length, rest.Length)];
        rest = rest[taken.Length..];
        return taken;
    }

    /// <summary>Bytes behind a length of one byte, or of two when that is 255.</summary>
    public ReadOnlySpan<byte> Block()
    {
        int length = Byte();
        return Bytes(length == byte.MaxValue ? UInt16() : length);
    }

    public ReadOnlySpan<byte> Rest() => Bytes(rest.Length);
}
