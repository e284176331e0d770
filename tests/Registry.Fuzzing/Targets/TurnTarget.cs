using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Turn;

namespace Registry.Fuzzing.Targets;

/// <summary>What a relay sends. The first byte chooses: even is the byte stream of a TCP connection, odd a list of messages to a client.</summary>
internal sealed class TurnTarget : IFuzzTarget
{
    private const int MaxSteps = 64;

    // Peers behind the relay.
    private static readonly TransportAddress peer = new(0, 0x0000_FFFF_CB00_7101, 9);

    public string Name => "turn";

    public long BaseAllocation => 128 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        var choice = reader.Byte();
        if ((choice & 1) == 0)
            ReadStream(reader.Rest(), piece: 1 + (choice >> 1));
        else
            Converse(ref reader, isStream: (choice & 2) != 0);
    }

    private static void ReadStream(ReadOnlySpan<byte> stream, int piece)
    {
        var frames = new TurnFrameReader();
        var client = CreateClient(isStream: true);
        while (!stream.IsEmpty && !frames.IsBroken)
        {
            var free = frames.Free.Span;
            PropertyViolatedException.ThrowUnless(!free.IsEmpty, "The reader of frames has no room although every message was taken.");
            var taken = Math.Min(Math.Min(piece, stream.Length), free.Length);
            stream[..taken].CopyTo(free);
            stream = stream[taken..];
            frames.Advance(taken);
            while (frames.TryRead(out var message))
            {
                client.HandleMessage(TimeSpan.Zero, message, out _, out _);
                ChannelData.TryRead(message, out _, out _);
            }
        }
    }

    private static void Converse(ref FuzzReader reader, bool isStream)
    {
        var client = CreateClient(isStream);
        var (now, transaction) = (TimeSpan.Zero, default(StunTransactionId));
        var buffer = new byte[8192];
        for (var step = 0; step < MaxSteps && !reader.IsAtEnd; step++)
        {
            while (client.TryWriteMessage(now, buffer, out var length))
                StunMessage.TryGetTransactionId(buffer.AsSpan(0, length), out transaction);
            var kind = reader.Byte();
            now += TimeSpan.FromMilliseconds(reader.Byte() * 500);
            if ((kind & 0x80) != 0)
                client.HandleMessage(now, reader.Block(), out _, out _);
            else
                client.HandleMessage(now, Write(ref reader, kind, transaction, buffer), out _, out _);
            if ((kind & 0x40) != 0)
                client.TryWrap(now, peer with { Port = (ushort)(1 + reader.Byte()) }, [1, 2, 3], buffer, out _);
            client.HandleTimeout(now);
            while (client.TryReadEvent(out _))
            {
            }
        }
        client.Release();
    }

    private static TurnClient CreateClient(bool isStream)
    {
        var random = new Random(1);
        var client = new TurnClient(TurnOptions.Default, new("user", "password", TimeSpan.FromMinutes(5)), isStream, bytes => random.NextBytes(bytes));
        client.Allocate(TimeSpan.Zero);
        return client;
    }

    /// <summary>A message with the attributes that the input lists, authenticated for the realm <c>r</c>.</summary>
    private static ReadOnlySpan<byte> Write(ref FuzzReader reader, byte kind, StunTransactionId transaction, byte[] buffer)
    {
        ReadOnlySpan<StunMethod> methods =
        [
            StunMethod.Allocate, StunMethod.Refresh, StunMethod.CreatePermission, StunMethod.ChannelBind, StunMethod.Data, StunMethod.Binding,
            StunMethod.Send, StunMethod.Allocate,
        ];
        var writer = new StunWriter(buffer, (StunClass)(kind & 3), methods[(kind >> 2) & 7], transaction);
        for (var attributes = reader.Byte() & 7; attributes > 0; attributes--)
            writer.Write((StunAttributeType)reader.UInt16(), reader.Bytes(reader.Byte() & 127));
        return buffer.AsSpan(0, writer.Finish((kind & 0x20) == 0 ? new TurnCredentials("user", "password", TimeSpan.MaxValue).KeyFor("r"u8) : default));
    }
}
