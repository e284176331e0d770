using System.Buffers.Binary;
using System.Text;
using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>Codes of the messages on connection 0; the numbers are the original system's, except for those that belong to <c>tube.v2</c>.</summary>
internal enum ControlCode : ushort
{
    Ping = 1,
    Pong = 2,
    /// <summary>tube.v2: the end that did not open the channel takes the protocol that the data channel names. Its first message.</summary>
    AcceptProtocol = 100,
    OpenConnection = 101,
    CloseConnection = 102,
    ConnectionOpened = 103,
    SendEof = 104,
    /// <summary>tube.v2: so many bytes (u32) of the connection may follow, on top of those allowed before.</summary>
    WindowUpdate = 105,
    MetricsRequest = 301,
    MetricsResponse = 302,
    MetricsConfig = 303,
}

/// <summary>A control message: a code and, for those that name a connection, its number and what follows it.</summary>
/// <param name="Code">What it says.</param>
/// <param name="Connection">The connection it is about; 0 is the whole channel.</param>
/// <param name="Data">What follows.</param>
internal readonly record struct ControlMessage(ControlCode Code, uint Connection, ReadOnlyMemory<byte> Data)
{
    /// <summary>The data channel protocol of an end that speaks this version.</summary>
    public const string Protocol = "tube.v2";

    /// <summary>Longest text in a CloseConnection, in bytes of UTF-8.</summary>
    public const int MaxText = 1024;

    /// <summary>Most bytes that a Ping may bring to be repeated. The original sends 9: a length and a time.</summary>
    public const int MaxPing = 128;

    /// <summary>Reads a control frame's payload.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="message">The message.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlyMemory<byte> payload, out ControlMessage message)
    {
        message = default;
        if (payload.Length < 2)
            return $"A control frame has {payload.Length} bytes; its code needs 2.";
        var code = (ControlCode)BinaryPrimitives.ReadUInt16BigEndian(payload.Span);
        var rest = payload[2..];
        switch (code)
        {
            case ControlCode.MetricsRequest or ControlCode.MetricsResponse or ControlCode.MetricsConfig:
                message = new(code, 0, rest);
                return null;
            case ControlCode.Ping or ControlCode.Pong when rest.Length < 4:
                message = new(code, 0, ReadOnlyMemory<byte>.Empty);
                return null;
            case ControlCode.Ping or ControlCode.Pong or ControlCode.OpenConnection or ControlCode.CloseConnection
                or ControlCode.ConnectionOpened or ControlCode.SendEof or ControlCode.AcceptProtocol or ControlCode.WindowUpdate:
                if (rest.Length < 4)
                    return $"A control message {(ushort)code} has {rest.Length} bytes; its connection number needs 4.";
                message = new(code, BinaryPrimitives.ReadUInt32BigEndian(rest.Span), rest[4..]);
                return Check(message);
            default:
                return $"Control code {(ushort)code} is unknown.";
        }
    }

    /// <summary>The reason of a CloseConnection.</summary>
    public CloseReason Reason => CloseReason.FromCode(Data.Span[0]);

    /// <summary>The text of a CloseConnection, or an empty one.</summary>
    public string Text => Data.Length < 3 ? "" : Encoding.UTF8.GetString(Data.Span[3..]);

    /// <summary>The bytes of a WindowUpdate.</summary>
    public uint WindowBytes => BinaryPrimitives.ReadUInt32BigEndian(Data.Span);

    private static string? Check(ControlMessage message) => message.Code switch
    {
        ControlCode.CloseConnection => CheckClose(message.Data.Span),
        ControlCode.Ping when message.Data.Length > MaxPing => $"A Ping carries {message.Data.Length} bytes to be repeated; at most {MaxPing} are.",
        ControlCode.WindowUpdate when message.Data.Length != 4 => $"A WindowUpdate carries {message.Data.Length} bytes; its size needs 4.",
        ControlCode.AcceptProtocol when !message.Data.Span.SequenceEqual(ProtocolBytes) => $"The peer accepts another protocol than {Protocol}.",
        _ => null,
    };

    private static ReadOnlySpan<byte> ProtocolBytes => "tube.v2"u8;

    private static string? CheckClose(ReadOnlySpan<byte> data) => data.Length switch
    {
        0 => "A CloseConnection carries no reason.",
        1 => null,
        2 => "A CloseConnection's text has no length.",
        _ when BinaryPrimitives.ReadUInt16BigEndian(data[1..]) is var length && (length != data.Length - 3 || length > MaxText) =>
            $"A CloseConnection announces {length} bytes of text and carries {data.Length - 3}; at most {MaxText} are taken.",
        _ => null,
    };

    /// <summary>The payload of a message about a connection.</summary>
    public static byte[] Encode(ControlCode code, uint connection, ReadOnlySpan<byte> data = default)
    {
        var payload = new byte[6 + data.Length];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(2), connection);
        data.CopyTo(payload.AsSpan(6));
        return payload;
    }

    /// <summary>The payload of a WindowUpdate.</summary>
    public static byte[] EncodeWindowUpdate(uint connection, uint bytes)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(data, bytes);
        return Encode(ControlCode.WindowUpdate, connection, data);
    }

    /// <summary>The payload of an AcceptProtocol.</summary>
    public static byte[] EncodeAccept() => Encode(ControlCode.AcceptProtocol, 0, ProtocolBytes);

    /// <summary>The payload of a MetricsResponse.</summary>
    public static byte[] EncodeMetrics(string json)
    {
        var payload = new byte[2 + Encoding.UTF8.GetByteCount(json)];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)ControlCode.MetricsResponse);
        Encoding.UTF8.GetBytes(json, payload.AsSpan(2));
        return payload;
    }

    /// <summary>The payload of a CloseConnection; text is left out when empty and cut at <see cref="MaxText"/>.</summary>
    public static byte[] EncodeClose(uint connection, CloseReason reason, string text)
    {
        if (text.Length == 0)
            return Encode(ControlCode.CloseConnection, connection, [(byte)reason]);
        Span<byte> data = stackalloc byte[3 + MaxText];
        data[0] = (byte)reason;
        Encoding.UTF8.GetEncoder().Convert(text, data[3..], flush: true, out _, out var length, out _);
        BinaryPrimitives.WriteUInt16BigEndian(data[1..], (ushort)length);
        return Encode(ControlCode.CloseConnection, connection, data[..(3 + length)]);
    }
}
