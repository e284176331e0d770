using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <summary>Writes one SCTP packet chunk by chunk into the caller's memory.</summary>
internal ref struct SctpPacketWriter
{
    public const int HeaderLength = 12;
    private readonly Span<byte> buffer;

    public SctpPacketWriter(Span<byte> buffer, ushort port, uint verificationTag)
    {
        this.buffer = buffer;
        BinaryPrimitives.WriteUInt16BigEndian(buffer, port);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], port);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[4..], verificationTag);
        Length = HeaderLength;
    }

    /// <summary>Bytes written so far, always a multiple of four.</summary>
    public int Length { get; private set; }

    public readonly int Remaining => buffer.Length - Length;

    public readonly bool IsEmpty => Length == HeaderLength;

    /// <summary>Adds a chunk and returns its value for the caller to fill. The caller has checked <see cref="Remaining"/>.</summary>
    public Span<byte> AddChunk(SctpChunkType type, byte flags, int valueLength)
    {
        var length = TlvReader.HeaderLength + valueLength;
        var padded = (length + 3) & ~3;
        var chunk = buffer.Slice(Length, padded);
        chunk[0] = (byte)type;
        chunk[1] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(chunk[2..], (ushort)length);
        chunk[length..].Clear();
        Length += padded;
        return chunk[TlvReader.HeaderLength..length];
    }

    /// <summary>Adds a chunk that stands complete in memory.</summary>
    public void AddRaw(ReadOnlySpan<byte> chunk)
    {
        var padded = (chunk.Length + 3) & ~3;
        chunk.CopyTo(buffer[Length..]);
        buffer.Slice(Length + chunk.Length, padded - chunk.Length).Clear();
        Length += padded;
    }

    /// <summary>Fills in the checksum, or leaves it out (RFC 9653), and returns the packet's length.</summary>
    public readonly int Complete(bool omitChecksum = false)
    {
        if (omitChecksum)
            buffer[8..HeaderLength].Clear();
        else
            Crc32c.WritePacket(buffer[..Length]);
        return Length;
    }
}
