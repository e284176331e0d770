using System.Net;
using System.Text;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Registry.Host.Tests.Api;

namespace Registry.Host.Tests.Security;

/// <summary>What a page of another origin can send without asking first: a POST with no body, or with one of a form's types.</summary>
public sealed class OtherOriginTests
{
    [Fact]
    public async Task No_call_takes_what_a_page_of_another_origin_can_send_without_asking()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var posts = gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains("POST") is true)
            .Select(endpoint => endpoint.RoutePattern.RawText!.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal)).ToArray();
        posts.Length.ShouldBeGreaterThan(5);

        foreach (var path in posts)
            foreach (var content in new[] { null, new StringContent("{}", Encoding.UTF8, "text/plain"), new StringContent("", Encoding.UTF8, "application/x-www-form-urlencoded") })
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
                request.Headers.Add("Origin", "https://attacker.example");
                using var response = await gateway.Http.SendAsync(request);
                response.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType, $"{path} with {content?.Headers.ContentType}");
            }

        gateway.Registry.Commands.ShouldBeEmpty();
    }
}
