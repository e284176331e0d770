using System.Buffers.Binary;
using CsCheck;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Tests.Turn;

/// <summary>What a relay, or somebody who pretends to be one, may send.</summary>
public sealed class TurnHostileTests
{
    private static readonly Gen<byte[]> Noise = Gen.Byte.Array[0, 200];

    private static readonly Gen<StunMethod> Methods = One(
        StunMethod.Binding, StunMethod.Allocate, StunMethod.Refresh, StunMethod.Data, StunMethod.CreatePermission, StunMethod.ChannelBind);

    private static readonly Gen<(StunAttributeType Type, byte[] Value)> Attributes = Gen.Select(
        One(
            StunAttributeType.ErrorCode, StunAttributeType.Realm, StunAttributeType.Nonce, StunAttributeType.XorRelayedAddress, StunAttributeType.XorPeerAddress,
            StunAttributeType.XorMappedAddress, StunAttributeType.Lifetime, StunAttributeType.Data, StunAttributeType.AlternateServer),
        Gen.OneOf(Gen.Byte.Array[0, 40], One<byte[]>([0, 0, 4, 1], [0, 0, 4, 38], [0, 0, 3, 0], [0, 1, 1, 1, 1, 1, 1, 1], new byte[700])));

    [Fact]
    public void A_client_survives_any_answers_in_any_state()
    {
        Gen.Select(Methods, Gen.Enum<StunClass>(), Attributes.Array[0, 5], Gen.Bool).Array[1, 12].Sample(answers =>
        {
            var random = new Random(1);
            var client = new TurnClient(TurnOptions.Default, new("u", "p", TimeSpan.FromMinutes(1)), isStream: false, bytes => random.NextBytes(bytes));
            client.Allocate(TimeSpan.Zero);
            var (now, sent) = (TimeSpan.Zero, new byte[2048]);
            var transaction = default(StunTransactionId);
            foreach (var (method, messageClass, attributes, echoes) in answers)
            {
                while (client.TryWriteMessage(now, sent, out var length))
                    StunMessage.TryGetTransactionId(sent.AsSpan(0, length), out transaction).ShouldBeTrue();
                client.HandleMessage(now, Write(method, messageClass, echoes ? transaction : default, attributes), out _, out _);
                client.TryWrap(now, new(0, 0x0000_FFFF_CB00_7101, 9), [1, 2, 3], sent, out _);
                client.HandleTimeout(now += TimeSpan.FromSeconds(20));
                while (client.TryReadEvent(out _))
                {
                }
            }
            client.SetCredentials(now, new("v", "q", TimeSpan.MaxValue));
            client.Release();
        });
    }

    [Fact]
    public void A_client_survives_noise() => Noise.Sample(bytes =>
    {
        var client = new TurnClient(TurnOptions.Default, new("u", "p", TimeSpan.MaxValue), isStream: true, _ => { });
        client.Allocate(TimeSpan.Zero);
        client.HandleMessage(TimeSpan.Zero, bytes, out _, out _).ShouldBeFalse();
    });

    [Fact]
    public void Channel_data_reads_what_was_written()
    {
        Gen.Select(Gen.UShort[ChannelData.FirstChannel, ChannelData.LastChannel], Noise, Gen.Bool).Sample((channel, data, pad) =>
        {
            var buffer = new byte[300];
            var length = ChannelData.Write(buffer, channel, data, pad);
            (!pad || length % 4 == 0).ShouldBeTrue();
            ChannelData.TryRead(buffer.AsSpan(0, length), out var read, out var payload).ShouldBeTrue();
            read.ShouldBe(channel);
            payload.SequenceEqual(data).ShouldBeTrue();
        });
    }

    [Fact]
    public void Frames_come_out_of_a_stream_as_they_went_in_however_it_is_cut()
    {
        var frame = Gen.OneOf(
            Gen.Select(Gen.UShort[ChannelData.FirstChannel, ChannelData.LastChannel], Gen.Byte.Array[0, 600]).Select((channel, data) =>
            {
                var bytes = new byte[1000];
                return bytes[..ChannelData.Write(bytes, channel, data, pad: true)];
            }),
            Attributes.Array[0, 4].Select(attributes => Write(StunMethod.Data, StunClass.Indication, default, attributes)),
            // Too long to be handed on: skipped.
            Gen.UShort[5000, 65_000].Select(length =>
            {
                var bytes = new byte[StunFormat.Padded(length + 4)];
                BinaryPrimitives.WriteUInt16BigEndian(bytes, ChannelData.FirstChannel);
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), length);
                return bytes;
            }));
        Gen.Select(frame.Array[1, 10], Gen.Int[1, 3000].Array[1, 20]).Sample((frames, cuts) =>
        {
            var stream = frames.SelectMany(bytes => bytes).ToArray().AsSpan();
            var reader = new TurnFrameReader();
            var read = new List<byte[]>();
            for (var cut = 0; !stream.IsEmpty; cut++)
            {
                var free = reader.Free;
                var count = Math.Min(Math.Min(cuts[cut % cuts.Length], free.Length), stream.Length);
                stream[..count].CopyTo(free.Span);
                stream = stream[count..];
                reader.Advance(count);
                while (reader.TryRead(out var message))
                    read.Add(message.ToArray());
            }
            reader.IsBroken.ShouldBeFalse();
            read.Count.ShouldBe(frames.Count(bytes => bytes.Length <= TurnFrameReader.MaxMessage));
            foreach (var (got, sent) in read.Zip(frames.Where(bytes => bytes.Length <= TurnFrameReader.MaxMessage)))
                got.ShouldBe(sent);
        }, iter: 100);
    }

    [Fact]
    public void A_stream_of_noise_breaks_or_is_read_but_never_blocks_or_throws() => Gen.Byte.Array[0, 5000].Sample(bytes =>
    {
        var reader = new TurnFrameReader();
        var rest = bytes.AsSpan();
        while (!rest.IsEmpty && !reader.IsBroken)
        {
            var free = reader.Free;
            free.Length.ShouldBeGreaterThan(0);
            var count = Math.Min(free.Length, rest.Length);
            rest[..count].CopyTo(free.Span);
            rest = rest[count..];
            reader.Advance(count);
            while (reader.TryRead(out var message))
                message.Length.ShouldBeLessThanOrEqualTo(TurnFrameReader.MaxMessage);
        }
    }, iter: 200);

    private static Gen<T> One<T>(params T[] choices) => Gen.Int[0, choices.Length - 1].Select(index => choices[index]);

    private static byte[] Write(StunMethod method, StunClass messageClass, StunTransactionId id, (StunAttributeType Type, byte[] Value)[] attributes)
    {
        var buffer = new byte[8192];
        var writer = new StunWriter(buffer, messageClass, method, id);
        foreach (var (type, value) in attributes)
            writer.Write(type, value);
        return buffer[..writer.Finish([])];
    }
}
