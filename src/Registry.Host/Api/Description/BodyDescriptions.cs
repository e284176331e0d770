using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace Registry.Host.Api.Description;

/// <summary>Tells the document of bodies, which the endpoints read themselves to say what is wrong with them.</summary>
internal sealed class BodyDescriptions : IApiDescriptionProvider
{
    private readonly EmptyModelMetadataProvider types = new();

    /// <summary>After the provider that lists the endpoints.</summary>
    public int Order => 1;

    public void OnProvidersExecuting(ApiDescriptionProviderContext context)
    {
        foreach (var call in context.Results)
        {
            if (call.ActionDescriptor.EndpointMetadata.OfType<OperationDescription>().LastOrDefault() is not { Body: { } body } description)
                continue;
            call.ParameterDescriptions.Add(new()
            {
                Name = body.Name,
                Type = body,
                ModelMetadata = types.GetMetadataForType(body),
                Source = BindingSource.Body,
                IsRequired = !description.IsBodyOptional,
            });
            call.SupportedRequestFormats.Add(new() { MediaType = "application/json" });
        }
    }

    public void OnProvidersExecuted(ApiDescriptionProviderContext context) { }
}
