using CsCheck;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

public sealed class FrameSpecs
{
    private const int MaxPayload = 1024 * 1024;

    [Fact]
    public void A_data_frame_has_the_original_layout() =>
        Convert.ToHexString(Frame.Encode(0x01020304, 0x0000018BCFE56800, "hi;"u8)).ShouldBe("01020304" + "0000018BCFE56800" + "00000003" + "68693B" + "3B");

    [Theory]
    [InlineData(1, "0001" + "00000007" + "AABB")]
    [InlineData(2, "0002" + "00000007" + "AABB")]
    [InlineData(101, "0065" + "00000007" + "AABB")]
    [InlineData(103, "0067" + "00000007" + "AABB")]
    [InlineData(104, "0068" + "00000007" + "AABB")]
    public void Control_messages_have_the_original_layout(int code, string expected) =>
        Convert.ToHexString(ControlMessage.Encode((ControlCode)code, 7, [0xAA, 0xBB])).ShouldBe(expected);

    [Fact]
    public void A_close_has_the_original_layout()
    {
        Convert.ToHexString(ControlMessage.EncodeClose(7, CloseReason.ConnectionFailed, "")).ShouldBe("0066" + "00000007" + "0A");
        Convert.ToHexString(ControlMessage.EncodeClose(7, CloseReason.ConnectionFailed, "no")).ShouldBe("0066" + "00000007" + "0A" + "0002" + "6E6F");
        Convert.ToHexString(ControlMessage.EncodeMetrics("{}")).ShouldBe("012E" + "7B7D");
    }

    [Fact]
    public void The_messages_of_tube_v2_have_a_fixed_layout()
    {
        Convert.ToHexString(ControlMessage.EncodeAccept()).ShouldBe("0064" + "00000000" + "747562652E7632");
        Convert.ToHexString(ControlMessage.EncodeWindowUpdate(7, 0x01020304)).ShouldBe("0069" + "00000007" + "01020304");
        ControlMessage.Read(ControlMessage.EncodeWindowUpdate(7, 0x01020304), out var update).ShouldBeNull();
        (update.Connection, update.WindowBytes).ShouldBe((7u, 0x01020304u));
    }

    // Whole frames as they cross the channel, sent at millisecond 0x0000018BCFE56800; what stands here is for ever.
    private const string Sent = "0000018BCFE56800";

    public static TheoryData<int, uint, string, string> GoldenFrames => new()
    {
        { 1, 7, "AABB", $"00000000{Sent}00000008" + "0001" + "00000007" + "AABB" + "3B" },
        { 2, 7, "AABB", $"00000000{Sent}00000008" + "0002" + "00000007" + "AABB" + "3B" },
        { 100, 0, "747562652E7632", $"00000000{Sent}0000000D" + "0064" + "00000000" + "747562652E7632" + "3B" },
        { 101, 7, "", $"00000000{Sent}00000006" + "0065" + "00000007" + "3B" },
        { 101, 7, "00000009682E6578616D706C6501BB", $"00000000{Sent}00000015" + "0065" + "00000007" + "00000009" + "682E6578616D706C65" + "01BB" + "3B" },
        { 101, 7, "000000000000", $"00000000{Sent}0000000C" + "0065" + "00000007" + "00000000" + "0000" + "3B" }, // tube.v2: a UDP association
        { 102, 7, "0A", $"00000000{Sent}00000007" + "0066" + "00000007" + "0A" + "3B" },
        { 102, 0, "0A00026E6F", $"00000000{Sent}0000000B" + "0066" + "00000000" + "0A" + "0002" + "6E6F" + "3B" },
        { 103, 7, "", $"00000000{Sent}00000006" + "0067" + "00000007" + "3B" },
        { 104, 7, "", $"00000000{Sent}00000006" + "0068" + "00000007" + "3B" },
        { 105, 7, "00040000", $"00000000{Sent}0000000A" + "0069" + "00000007" + "00040000" + "3B" },
        { 301, 0, "0100000007", $"00000000{Sent}00000007" + "012D" + "01" + "00000007" + "3B" },
        { 302, 0, "7B7D", $"00000000{Sent}00000004" + "012E" + "7B7D" + "3B" },
        { 303, 0, "7B7D", $"00000000{Sent}00000004" + "012F" + "7B7D" + "3B" },
    };

    [Theory]
    [MemberData(nameof(GoldenFrames))]
    public void Every_message_has_its_golden_bytes(int code, uint connection, string data, string golden)
    {
        using var parser = new FrameParser(MaxPayload);
        parser.Append(Convert.FromHexString(golden));
        parser.TryRead(out var frame).ShouldBe(FrameStatus.Frame);
        (frame.Connection, frame.Timestamp).ShouldBe((0u, 0x0000018BCFE56800ul));
        ControlMessage.Read(frame.Payload, out var message).ShouldBeNull();
        (message.Code, message.Connection, Convert.ToHexString(message.Data.Span)).ShouldBe(((ControlCode)code, connection, data));

        var bytes = Convert.FromHexString(data);
        var payload = code switch
        {
            100 => ControlMessage.EncodeAccept(),
            102 => ControlMessage.EncodeClose(connection, message.Reason, message.Text),
            105 => ControlMessage.EncodeWindowUpdate(connection, message.WindowBytes),
            301 or 303 => frame.Payload.ToArray(), // only ever received
            302 => ControlMessage.EncodeMetrics("{}"),
            _ => ControlMessage.Encode((ControlCode)code, connection, bytes),
        };
        Convert.ToHexString(Frame.Encode(0, 0x0000018BCFE56800, payload)).ShouldBe(golden);
    }

    [Theory]
    [InlineData("3B")]
    [InlineData("3B3B3B3B")]
    [InlineData("003B00000000000000000000000000000000000000000000013B")] // what could be the rest of one frame and another
    [InlineData("342E73697A652C312E302C342E313032342C332E3736383B")] // 4.size,1.0,4.1024,3.768;
    public void A_terminator_inside_a_payload_does_not_end_the_frame(string payload)
    {
        var frame = Frame.Encode(3, 0, Convert.FromHexString(payload));

        Parse([.. frame, .. frame], [5]).ShouldBe([(3u, 0ul, payload), (3u, 0ul, payload)]);
    }

    [Fact]
    public void A_frame_that_is_written_in_place_has_the_same_bytes()
    {
        var buffer = new byte[100];
        Array.Fill(buffer, (byte)0xEE);
        "hello"u8.CopyTo(buffer.AsSpan(Frame.HeaderLength));

        var length = Frame.Enclose(buffer, 3, 4, 5);

        buffer[..length].ShouldBe(Frame.Encode(3, 4, "hello"u8));
        buffer[length..].ShouldAllBe(b => b == 0xEE);
    }

    [Fact]
    public void Every_reason_survives_a_close()
    {
        foreach (var reason in Enum.GetValues<CloseReason>())
        {
            ControlMessage.Read(ControlMessage.EncodeClose(3, reason, "why"), out var message).ShouldBeNull();
            message.Reason.ShouldBe(reason);
            message.Text.ShouldBe("why");
        }

        ControlMessage.Read(new byte[] { 0, 102, 0, 0, 0, 3, 3 }, out var hole).ShouldBeNull();
        hole.Reason.ShouldBe(CloseReason.Unknown);
    }

    [Fact]
    public void A_close_text_is_cut_at_a_whole_character()
    {
        ControlMessage.Read(ControlMessage.EncodeClose(1, CloseReason.Error, new string('ü', 600)), out var message).ShouldBeNull();
        message.Text.ShouldBe(new string('ü', ControlMessage.MaxText / 2));
    }

    [Theory]
    [InlineData("00")]
    [InlineData("0003")] // no such code
    [InlineData("0065000000")]
    [InlineData("00660000000A")] // no reason
    [InlineData("00660000000A0A00")] // half a text length
    [InlineData("00660000000A0A000461")] // text cut short
    [InlineData("00680000")]
    [InlineData("006400000000747562652E7633")] // tube.v3
    [InlineData("006400000000")]
    [InlineData("006900000001")] // no size
    [InlineData("0069000000010000000001")]
    public void Malformed_control_messages_are_told(string hex) => ControlMessage.Read(Convert.FromHexString(hex), out _).ShouldNotBeNull();

    [Fact]
    public void A_short_ping_is_about_the_channel()
    {
        ControlMessage.Read(Convert.FromHexString("0001AB"), out var ping).ShouldBeNull();
        ping.ShouldBe(new ControlMessage(ControlCode.Ping, 0, ReadOnlyMemory<byte>.Empty));
    }

    [Fact]
    public void Random_control_bytes_are_read_or_told_and_never_throw() =>
        Gen.Byte.Array[0, 64].Sample(bytes =>
        {
            if (ControlMessage.Read(bytes, out var message) is null && message.Code == ControlCode.CloseConnection)
                _ = (message.Reason, message.Text);
        });

    [Fact]
    public void Frames_survive_any_cut_into_messages() =>
        Gen.Select(
            Gen.Select(Gen.UInt, Gen.ULong, Gen.Byte.Array[0, 300]).Array[1, 8],
            Gen.Int[1, 400].Array[1, 40])
        .Sample((frames, cuts) =>
        {
            var stream = frames.SelectMany(f => Frame.Encode(f.Item1, f.Item2, f.Item3)).ToArray();
            Parse(stream, cuts).ShouldBe(frames.Select(f => (f.Item1, f.Item2, Convert.ToHexString(f.Item3))));
        });

    [Fact]
    public void Random_bytes_never_throw_and_never_pile_up() =>
        Gen.Byte.Array[0, 200].Array[1, 20].Sample(messages =>
        {
            using var parser = new FrameParser(1024);
            foreach (var message in messages)
            {
                parser.Append(message);
                FrameStatus status;
                while ((status = parser.TryRead(out _)) == FrameStatus.Frame)
                    continue;
                if (status == FrameStatus.Malformed)
                    return;
                parser.Detach();
                parser.Carried.ShouldBeLessThan(1024 + Frame.Overhead);
            }
        });

    [Fact]
    public void A_length_above_the_limit_is_malformed_before_the_payload_comes()
    {
        using var parser = new FrameParser(MaxPayload);
        parser.Append(Frame.Encode(1, 0, []).AsMemory(0, 12).ToArray().Concat(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }).ToArray());

        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.Error!.ShouldContain("4294967295");
    }

    [Fact]
    public void A_wrong_terminator_is_malformed()
    {
        var bytes = Frame.Encode(1, 0, [1, 2, 3]);
        bytes[^1] = (byte)':';
        using var parser = new FrameParser(MaxPayload);
        parser.Append(bytes);

        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.Error!.ShouldContain("0x3A");
    }

    private static List<(uint, ulong, string)> Parse(byte[] stream, int[] cuts)
    {
        using var parser = new FrameParser(MaxPayload);
        var result = new List<(uint, ulong, string)>();
        for (int position = 0, cut = 0; position < stream.Length; cut++)
        {
            var length = Math.Min(cuts[cut % cuts.Length], stream.Length - position);
            var message = stream.AsSpan(position, length).ToArray();
            parser.Append(message);
            while (parser.TryRead(out var frame) == FrameStatus.Frame)
                result.Add((frame.Connection, frame.Timestamp, Convert.ToHexString(frame.Payload.Span)));
            parser.Detach();
            Array.Fill(message, (byte)0xEE); // A message's memory is gone after it was detached.
            position += length;
        }

        parser.Carried.ShouldBe(0);
        return result;
    }
}
