using System.Buffers.Binary;

namespace Registry.WebRtc.Dtls;

/// <summary>Content types of the record layer (RFC 5246 §6.2.1).</summary>
internal enum DtlsContentType : byte
{
    /// <summary>change_cipher_spec.</summary>
    ChangeCipherSpec = 20,
    /// <summary>alert.</summary>
    Alert = 21,
    /// <summary>handshake.</summary>
    Handshake = 22,
    /// <summary>application_data.</summary>
    ApplicationData = 23,
}

/// <summary>The header of a DTLS 1.2 record (RFC 6347 §4.1): type, version, epoch, sequence number, length.</summary>
internal readonly record struct DtlsRecordHeader(DtlsContentType Type, ushort Version, ulong EpochAndSequence, int BodyLength)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 13;

    /// <summary>DTLS 1.2 on the wire.</summary>
    public const ushort Dtls12 = 0xFEFD;

    /// <summary>Largest 48-bit sequence number.</summary>
    public const ulong MaxSequence = (1UL << 48) - 1;

    /// <summary>0 before the change of cipher, 1 after it.</summary>
    public int Epoch => (int)(EpochAndSequence >> 48);

    /// <summary>Number of the record within its epoch.</summary>
    public ulong Sequence => EpochAndSequence & MaxSequence;

    /// <summary>Header and body, in bytes.</summary>
    public int RecordLength => Size + BodyLength;

    /// <summary>Reads the header of the first record of a datagram; false when the record is not wholly there.</summary>
    public static bool TryRead(ReadOnlySpan<byte> datagram, out DtlsRecordHeader header)
    {
        header = default;
        if (datagram.Length < Size)
            return false;
        header = new DtlsRecordHeader(
            (DtlsContentType)datagram[0],
            BinaryPrimitives.ReadUInt16BigEndian(datagram[1..]),
            BinaryPrimitives.ReadUInt64BigEndian(datagram[3..]),
            BinaryPrimitives.ReadUInt16BigEndian(datagram[11..]));
        return header.RecordLength <= datagram.Length;
    }

    /// <summary>Writes the header in front of its body.</summary>
    public void Write(Span<byte> record)
    {
        record[0] = (byte)Type;
        BinaryPrimitives.WriteUInt16BigEndian(record[1..], Version);
        BinaryPrimitives.WriteUInt64BigEndian(record[3..], EpochAndSequence);
        BinaryPrimitives.WriteUInt16BigEndian(record[11..], (ushort)BodyLength);
    }
}
