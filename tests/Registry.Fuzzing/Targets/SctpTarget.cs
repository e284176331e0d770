using System.Buffers.Binary;
using Registry.WebRtc;

namespace Registry.Fuzzing.Targets;

/// <summary>
/// An association, established or not, with channels and traffic of its own, and a peer that sends any chunks in any order: the input is a list of
/// chunks, of ends of packets and of things that this side does.
/// </summary>
internal sealed class SctpTarget : IFuzzTarget
{
    private const int MaxSteps = 400;

    // Steps above the chunk types that are of use.
    private const byte EndPacket = 0xF0;
    private const byte LetTimePass = 0xF1;
    private const byte SendMessage = 0xF2;
    private const byte OpenChannel = 0xF3;
    private const byte CloseChannel = 0xF4;
    private const byte ChangePath = 0xF5;
    private const byte Shutdown = 0xF6;
    private const byte EchoCookie = 0xF7;

    private static readonly byte[] payload = new byte[20_000];

    public string Name => "sctp";

    public int MaxLength => 8192;

    public long BaseAllocation => 2 * 1024 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        var choice = reader.Byte();
        var peer = new FuzzedAssociation(
            interleaves: (choice & 1) != 0, (choice & 2) != 0 ? CongestionControl.Cubic : CongestionControl.Bbr, establish: (choice & 4) == 0);
        var association = peer.Association;
        for (var step = 0; step < MaxSteps && !reader.IsAtEnd; step++)
        {
            var kind = reader.Byte();
            switch (kind)
            {
                case EndPacket:
                    peer.Send();
                    peer.Drain();
                    break;
                case LetTimePass:
                    peer.Advance();
                    peer.Drain();
                    break;
                case SendMessage:
                    TrySend(peer, reader.Byte(), reader.UInt16() % payload.Length);
                    break;
                case OpenChannel:
                    TryOpen(peer, reader.Byte());
                    break;
                case CloseChannel:
                    association.CloseChannel(peer.Now, reader.Byte());
                    break;
                case ChangePath:
                    association.OnPathChanged(peer.Now);
                    break;
                case EchoCookie:
                    peer.EchoCookie();
                    break;
                case Shutdown:
                    association.Shutdown(peer.Now);
                    break;
                default:
                    AddChunk(peer, kind, ref reader);
                    break;
            }
        }
        peer.Send();
        for (var timeouts = 0; timeouts < 4; timeouts++)
        {
            peer.Drain();
            peer.Advance();
        }
    }

    private static void AddChunk(FuzzedAssociation peer, byte kind, ref FuzzReader reader)
    {
        var flags = reader.Byte();
        Span<byte> value = reader.Block().ToArray();
        // Small numbers count from the start, so that mutations stay where the association looks.
        if (value.Length >= 4 && kind is 0 or 3 or 64 or 192 or 194 && value[0] == 0)
        {
            var number = BinaryPrimitives.ReadUInt32BigEndian(value);
            BinaryPrimitives.WriteUInt32BigEndian(value, number + (kind == 3 ? peer.LocalInitialTsn - 1 : FuzzedAssociation.PeerInitialTsn));
        }
        if (value.Length >= 12 && kind == 130 && value[4] == 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(value[4..], BinaryPrimitives.ReadUInt32BigEndian(value[4..]) + FuzzedAssociation.PeerInitialTsn);
            BinaryPrimitives.WriteUInt32BigEndian(value[8..], BinaryPrimitives.ReadUInt32BigEndian(value[8..]) + peer.LocalInitialTsn);
        }
        peer.Chunk(kind, flags, value);
    }

    private static void TryOpen(FuzzedAssociation peer, byte kind)
    {
        try
        {
            peer.Association.OpenChannel(peer.Now, "fuzz", new DataChannelOptions
            {
                Ordered = (kind & 1) == 0,
                MaxRetransmits = (kind & 2) != 0 ? (ushort)(kind >> 4) : null,
                MaxPacketLifeTime = (kind & 6) == 4 ? (ushort)(kind * 4) : null,
            });
        }
        catch (InvalidOperationException)
        {
            // There are as many as there may be, or the association is over.
        }
    }

    private static void TrySend(FuzzedAssociation peer, byte channel, int length)
    {
        try
        {
            peer.Association.TrySend(peer.Now, channel, payload.AsSpan(0, length), DataChannelMessageType.Binary);
        }
        catch (DataChannelClosedException)
        {
            // There is no such channel.
        }
    }
}
