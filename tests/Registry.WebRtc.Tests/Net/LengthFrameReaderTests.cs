using System.Buffers.Binary;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

public sealed class LengthFrameReaderTests
{
    [Fact]
    public void Messages_come_out_as_they_went_in_however_the_stream_is_cut()
    {
        var random = new Random(3);
        for (var round = 0; round < 50; round++)
        {
            var sent = Enumerable.Range(0, 40).Select(_ => Bytes(random, random.Next(4) == 0 ? random.Next(LengthFrameReader.MaxMessage + 1) : random.Next(60))).ToList();
            var stream = sent.SelectMany(Framed).ToArray();
            var reader = new LengthFrameReader();
            var received = new List<byte[]>();
            for (var at = 0; at < stream.Length;)
            {
                var length = Math.Min(Math.Min(random.Next(1, 9000), reader.Free.Length), stream.Length - at);
                stream.AsSpan(at, length).CopyTo(reader.Free.Span);
                reader.Advance(length);
                at += length;
                while (reader.TryRead(out var message))
                    received.Add(message.ToArray());
            }

            received.Count.ShouldBe(sent.Count(message => message.Length > 0));
            received.Zip(sent.Where(message => message.Length > 0)).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_message_above_the_limit_breaks_the_stream()
    {
        var reader = new LengthFrameReader();
        BinaryPrimitives.WriteUInt16BigEndian(reader.Free.Span, LengthFrameReader.MaxMessage + 1);
        reader.Advance(2);

        reader.TryRead(out _).ShouldBeFalse();
        reader.IsBroken.ShouldBeTrue();
    }

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Framed(byte[] message) => [(byte)(message.Length >> 8), (byte)message.Length, .. message];
}
