using Registry.Actors.Channels;
using Registry.Actors.Channels.Socks;

namespace Registry.Fuzzing.Targets;

/// <summary>Frames of a tunnel in messages of any size. The first two bytes say how the stream is cut.</summary>
internal sealed class FrameTarget : IFuzzTarget
{
    private const int MaxPayload = 1024;

    public string Name => "frame";

    public IReadOnlyList<string> Tokens => [";", "\0\0\0\0", "\0\0\0\x01;"];

    public long BaseAllocation => 256 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        var piece = 1 + reader.UInt16();
        using var parser = new FrameParser(MaxPayload);
        var (status, taken) = (FrameStatus.NeedMore, 0);
        while (!reader.IsAtEnd && status != FrameStatus.Malformed)
        {
            var message = reader.Bytes(piece).ToArray();
            parser.Append(message);
            while ((status = parser.TryRead(out var frame)) == FrameStatus.Frame)
            {
                taken += Frame.HeaderLength + frame.Payload.Length + 1;
                PropertyViolatedException.ThrowUnless(frame.Payload.Length <= MaxPayload, "A frame has more payload than it may.");
                if (frame.Connection == 0)
                    ReadControlMessage(frame.Payload);
            }
            parser.Detach();
            PropertyViolatedException.ThrowUnless(
                status == FrameStatus.Malformed || parser.Carried <= Frame.HeaderLength + MaxPayload, $"{parser.Carried} bytes are carried over.");
        }
        PropertyViolatedException.ThrowUnless(taken <= input.Length, "The frames are longer than what was received.");
        PropertyViolatedException.ThrowUnless(status != FrameStatus.Malformed || parser.Error is not null, "Nothing says what is malformed.");
    }

    private static void ReadControlMessage(ReadOnlyMemory<byte> payload)
    {
        if (ControlMessage.Read(payload, out var message) is not null)
            return;
        if (message.Code == ControlCode.CloseConnection)
            _ = (message.Reason, message.Text);
        if (message.Code == ControlCode.WindowUpdate)
            _ = message.WindowBytes;
    }
}

/// <summary>A control message, and what an open, a close and a window say.</summary>
internal sealed class ControlTarget : IFuzzTarget
{
    public string Name => "control";

    public int MaxLength => 2048;

    public IReadOnlyList<string> Tokens => ["tube.v2", "a.example", "\0\0\0\x07"];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (ControlMessage.Read(input.ToArray(), out var message) is not null)
            return;
        switch (message.Code)
        {
            case ControlCode.CloseConnection:
                PropertyViolatedException.ThrowUnless(message.Text.Length <= ControlMessage.MaxText, "A text is longer than it may be.");
                PropertyViolatedException.ThrowUnless(Enum.IsDefined(message.Reason), "A reason is none.");
                break;
            case ControlCode.WindowUpdate:
                _ = message.WindowBytes;
                break;
            case ControlCode.OpenConnection when Registry.Actors.Channels.Socks.SocksTarget.Read(message.Data.Span, out var target) is null:
                PropertyViolatedException.ThrowUnless(target.Encode().AsSpan().SequenceEqual(message.Data.Span), "A target that was read is written otherwise.");
                break;
        }
    }
}

/// <summary>A SOCKS5 client's part of the handshake, and the same bytes as a datagram of an association.</summary>
internal sealed class SocksTarget : IFuzzTarget
{
    public string Name => "socks";

    public int MaxLength => 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        if (SocksDatagram.Read(input.ToArray(), out var datagram) is null)
            PropertyViolatedException.ThrowUnless(datagram is { Port: >= 1 and <= ushort.MaxValue, Host.Length: > 0 and <= byte.MaxValue }, "A datagram goes nowhere.");
        var handshake = new SocksHandshake();
        while (!handshake.IsOver && input.Length >= handshake.Needed)
        {
            PropertyViolatedException.ThrowUnless(handshake.Needed is > 0 and <= 1024, $"The handshake asks for {handshake.Needed} bytes.");
            var bytes = input[..handshake.Needed];
            input = input[bytes.Length..];
            handshake.Take(bytes);
        }
        PropertyViolatedException.ThrowUnless(handshake.Target is null || handshake.IsOver, "There is a target before the end.");
    }
}
